// The inbox renews itself, and has keys. Without this script it is a page like any other.
(() => {
  const EVERY_MS = 20000;
  const list = () => document.getElementById("list");
  const status = document.getElementById("news");
  let tag = null;
  let timer = null;

  const tell = (words) => {
    status.textContent = words;
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

  const stop = () => {
    clearInterval(timer);
    status.classList.remove("aside");
    status.classList.add("note");
    tell(list().dataset.stale);
  };

  const renew = async () => {
    const headers = { "X-Poll": "1" };
    if (tag !== null) headers["If-None-Match"] = tag;
    let answer;
    try {
      answer = await fetch(list().dataset.renew, { headers, redirect: "manual", cache: "no-store" });
    } catch {
      return; // no connection at the moment: the next time
    }
    // Signed out, or no longer at this clinic.
    if (answer.type === "opaqueredirect" || (answer.status >= 400 && answer.status < 500)) {
      stop();
    } else if (answer.status === 200) {
      tag = answer.headers.get("ETag");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const renewed = page.getElementById("list");
      if (renewed === null) return;
      document.title = page.title;
      put(renewed);
    }
  };
  timer = setInterval(renew, EVERY_MS);

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
