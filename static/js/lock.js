// The lock of a staff page: after some idle minutes a sheet covers it until the password is typed.
// What was typed stays in the page. Without this script the server's own lock does the same work.
const template = document.getElementById("lock");
const idleMs = template.dataset.idle * 60_000;
const minuteMs = 60_000;
let lastActive = Date.now();
// Whoever works in one tab is not idle in another.
const tabs = new BroadcastChannel("activity");
const TELL_EVERY_MS = 5000;
let toldAt = 0;
let sheet = null;
let polling = null;
let focused = null;
let title = "";

const others = () => [...document.body.children].filter((node) => node !== sheet);

async function showCounts() {
  // The answer of a sign-in that has ended is a redirect, which is not followed.
  const answer = await fetch(template.dataset.counts, {
    headers: { "X-Poll": "1" },
    redirect: "manual",
  }).catch(() => null);
  if (sheet === null || answer === null) return;
  const counts = sheet.querySelector(".goal");
  counts.textContent = answer.ok ? await answer.text() : template.dataset.ended;
}

function lock() {
  focused = document.activeElement;
  sheet = template.content.firstElementChild.cloneNode(true);
  sheet.querySelector("#lock-problem").className = "error";
  sheet.querySelector("form").addEventListener("submit", unlock);
  document.body.append(sheet);
  for (const node of others()) node.inert = true;
  document.body.classList.add("locked");
  title = document.title;
  document.title = template.dataset.title;
  sheet.querySelector("[name=password]").focus();
  showCounts();
  polling = setInterval(showCounts, minuteMs);
}

function open() {
  clearInterval(polling);
  document.title = title;
  document.body.classList.remove("locked");
  for (const node of others()) node.inert = false;
  sheet.remove();
  sheet = null;
  lastActive = Date.now();
  focused?.focus();
  dispatchEvent(new Event("unlocked"));
}

async function unlock(event) {
  event.preventDefault();
  const form = event.target;
  const problem = sheet.querySelector("#lock-problem");
  const answer = await fetch(`${form.action}?part=sheet`, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    redirect: "manual",
  }).catch(() => null);
  form.elements.password.value = "";
  if (answer?.status === 204) {
    open();
    return;
  }
  const words = { 422: "wrong", 429: "wait" };
  const ended = answer?.type === "opaqueredirect";
  problem.textContent = template.dataset[ended ? "ended" : (words[answer?.status] ?? "away")];
  form.elements.password.focus();
}

for (const kind of ["keydown", "pointerdown", "pointermove", "input"]) {
  addEventListener(kind, () => { if (noteActivity()) tellTabs(); }, { capture: true, passive: true });
}
tabs.addEventListener("message", noteActivity);

function noteActivity() {
  // A first press after the time is up must not undo the lock that a slept timer has missed.
  if (sheet !== null || isDue()) return false;
  lastActive = Date.now();
  return true;
}
function tellTabs() {
  if (Date.now() - toldAt < TELL_EVERY_MS) return;
  toldAt = Date.now();
  tabs.postMessage(null);
}
function isDue() {
  return Date.now() - lastActive >= idleMs;
}
function check() {
  if (sheet === null && isDue()) lock();
}
setInterval(check, 1000);
document.addEventListener("visibilitychange", check);
