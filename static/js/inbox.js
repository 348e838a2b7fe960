// The inbox renews itself, and has keys. Without this script it is a page like any other.
(() => {
  const EVERY_MS = 20000;
  const list = () => document.getElementById("list");
  const status = document.getElementById("news");
  let tag = null;
  let isStale = false;
  let isActive = false;

  const tell = (words) => {
    status.textContent = words;
  };

  // Locked, signed out or no longer at this clinic: it says so until an answer comes again.
  const show = (stale) => {
    if (stale === isStale) return;
    isStale = stale;
    status.classList.toggle("aside", !stale);
    status.classList.toggle("note", stale);
    tell(stale ? list().dataset.stale : "");
  };

  // The person's place stays theirs: what had the focus gets it back, nothing else is touched.
  const put = (renewed) => {
    const old = list();
    const held = old.contains(document.activeElement)
      ? document.activeElement.getAttribute("href")
      : null;
    if (renewed.dataset.new !== old.dataset.new) tell(renewed.dataset.news);
    old.replaceWith(document.adoptNode(renewed));
    if (held !== null) {
      const same = [...list().querySelectorAll("a")].find((a) => a.getAttribute("href") === held);
      if (same) same.focus({ preventScroll: true });
    }
  };

  // Only where it has changed: an alert that is put in anew is read aloud anew.
  const putUntold = (renewed) => {
    const old = document.getElementById("untold");
    if (renewed.innerHTML !== old.innerHTML) old.replaceWith(document.adoptNode(renewed));
  };

  const renew = async () => {
    // Who reads here all the while and opens nothing is no idle person.
    const headers = isActive ? {} : { "X-Poll": "1" };
    isActive = false;
    if (tag !== null) headers["If-None-Match"] = tag;
    let answer;
    try {
      answer = await fetch(list().dataset.renew, { headers, redirect: "manual", cache: "no-store" });
    } catch {
      return; // no connection at the moment: the next time
    }
    // An error of the server says nothing of either: the next time.
    if (answer.status < 500) show(answer.type === "opaqueredirect" || answer.status >= 400);
    if (answer.status === 200) {
      tag = answer.headers.get("ETag");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const renewed = page.getElementById("list");
      if (renewed === null) return;
      document.title = page.title;
      put(renewed);
      putUntold(page.getElementById("untold"));
    }
  };
  setInterval(renew, EVERY_MS);
  // By static/js/lock.js, which has put the title of before the lock back.
  addEventListener("unlocked", () => {
    tag = null;
    renew();
  });
  for (const kind of ["keydown", "pointerdown", "pointermove", "input"]) {
    const notice = () => { if (!document.body.classList.contains("locked")) isActive = true; };
    addEventListener(kind, notice, { capture: true, passive: true });
  }

  const keys = document.getElementById("keys");
  if (keys === null) return; // switched off

  const isTyping = (node) => node.closest("input, textarea, select, [contenteditable]") !== null;
  const requests = () => [...list().querySelectorAll("tbody a[href^='/staff/']")];
  const step = (by) => {
    const links = requests();
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
    if (links[next]) links[next].focus();
  };
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    o: () => {
      if (requests().includes(document.activeElement)) document.activeElement.click();
    },
    "/": () => document.getElementById("wanted").focus(),
    "?": () => keys.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (keys.open) {
      if (event.key === "?") {
        event.preventDefault();
        keys.close();
      }
      return;
    }
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
    if (action === null || isTyping(event.target)) return;
    event.preventDefault(); // else "/" would be typed into the field that it opens
    action();
  });
})();
