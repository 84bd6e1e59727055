// The page works without this file: forms decide, links lead on. With it: single keys, the camera, the overlay.
"use strict";

const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const KEYS_OFF = "catalog3d.keys-off";

document.documentElement.classList.add("scripted");
all(".tools [hidden], .keys[hidden], .all[hidden]").forEach((part) => {
  if (!part.matches("[data-mixer]")) part.hidden = false;
});

// --- single keys -----------------------------------------------------------------------------------------------------

const keysAreOff = () => localStorage.getItem(KEYS_OFF) === "1";
const isTyping = (target) =>
  target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=range])");

let askedFor = null; // the button that waits for a reason: Reject or Another model

function ask(button) {
  askedFor = button;
  const why = one("[data-why]");
  why.classList.toggle("asking", Boolean(button));
  one("[data-why-hint]").textContent = button ? "press 1 to 8, Esc to leave it" : "";
  if (button) why.scrollIntoView({ block: "nearest" });
}

function press(key) {
  const reasons = all("[data-why] input[name=reason]");
  if (askedFor && /^[1-9]$/.test(key) && reasons[key - 1]) {
    const button = askedFor;
    reasons[key - 1].checked = true;
    ask(null);
    if (reasons[key - 1].value === "OTHER" && !one("textarea[name=note]").value.trim()) one("textarea[name=note]").focus();
    else button.click();
    return true;
  }
  if (/^[1-6]$/.test(key)) return answer(key);
  const part = one(`[data-key="${CSS.escape(key)}"]`);
  if (!part || part.disabled || part.hidden) return false;
  if (part.matches("textarea, input")) part.focus();
  else if (part.matches(".reject, .retake") && !reasons.some((reason) => reason.checked)) ask(part);
  else part.click();
  return true;
}

function answer(number) {
  const question = one(`[data-question="${number}"]`);
  if (!question) return false;
  const [yes, no] = question.querySelectorAll("input");
  if (yes.checked) no.checked = true;
  else if (no.checked) no.checked = false;
  else yes.checked = true;
  return true;
}

function step(by) {
  const rows = all("[data-row] .open");
  if (!rows.length) return false;
  const now = rows.findIndex((row) => row.closest("[data-row]").contains(document.activeElement));
  rows[Math.min(Math.max(now + by, 0), rows.length - 1)].focus();
  return true;
}

document.addEventListener("keydown", (event) => {
  const note = one("textarea[name=note]");
  if (event.key === "Enter" && event.ctrlKey && event.target === note) {
    const chosen = one("[data-why] input:checked") ? one(".reject") : null;
    if (chosen) { event.preventDefault(); chosen.click(); }
    return;
  }
  if (event.key === "Escape") {
    if (askedFor) ask(null);
    if (isTyping(event.target)) event.target.blur();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || isTyping(event.target)) return;
  if (one("dialog[open]")) return;
  if (event.key === "?") { one("#keys-help").showModal(); event.preventDefault(); return; }
  if (keysAreOff()) return;
  const key = event.key.toLowerCase();
  if (key === "enter" && event.target.closest("a, button, summary, input")) return;
  const done = (key === "j" || key === "k") && one(".rows") ? step(key === "j" ? 1 : -1) : press(key);
  if (done) event.preventDefault();
});

all("[data-opens]").forEach((button) => button.addEventListener("click", () => one(`#${button.dataset.opens}`).showModal()));
all("[data-keys-switch]").forEach((box) => {
  box.checked = !keysAreOff();
  box.addEventListener("change", () => localStorage.setItem(KEYS_OFF, box.checked ? "0" : "1"));
});

// --- deciding --------------------------------------------------------------------------------------------------------

all("[data-sure]").forEach((button) => {
  const text = button.querySelector("[data-text]");
  const usual = text.textContent;
  button.addEventListener("click", (event) => {
    if (button.classList.contains("sure")) return;
    event.preventDefault();
    button.classList.add("sure");
    text.textContent = button.dataset.sure;
    setTimeout(() => { button.classList.remove("sure"); text.textContent = usual; }, 5000);
  });
});

all("[data-decide]").forEach((form) => {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault(); // a second press while the first is on its way
    sent = true;
  });
  addEventListener("pageshow", () => { sent = false; });
});

// --- several at once -------------------------------------------------------------------------------------------------

all(".bulk").forEach((form) => {
  const picks = [...form.querySelectorAll("[name=pick]")];
  const everything = form.querySelector("[data-all]");
  const button = form.querySelector("[data-counts]");
  if (!button) return;
  const count = () => {
    const ticked = picks.filter((pick) => pick.checked).length;
    button.disabled = ticked === 0;
    button.textContent = ticked ? button.dataset.counts.replace("{n}", ticked) : "Approve together…";
    everything.checked = ticked === picks.length;
    everything.indeterminate = ticked > 0 && ticked < picks.length;
  };
  everything.addEventListener("change", () => { picks.forEach((pick) => { pick.checked = everything.checked; }); count(); });
  form.addEventListener("change", count);
  count();
});

// --- photos, camera, overlay -----------------------------------------------------------------------------------------

const viewer = one("[data-viewer]");
const photo = one("[data-photo]");

all("[data-shows]").forEach((link) => link.addEventListener("click", (event) => {
  event.preventDefault();
  photo.src = link.dataset.shows;
  photo.parentElement.href = link.href;
  const caption = one("[data-caption]");
  caption.dataset.usual ??= caption.textContent;
  caption.textContent = link.dataset.called ?? caption.dataset.usual;
  all("[data-shows]").forEach((other) => other.toggleAttribute("aria-current", other === link));
  const camera = { front: "f", left: "l", back: "b" }[link.dataset.slot];
  if (camera) one(`.tools [data-key="${camera}"]`)?.click();
}));

all("[data-orbit]").forEach((button) => button.addEventListener("click", () => {
  viewer.cameraTarget = "auto auto auto";
  viewer.fieldOfView = "auto";
  viewer.cameraOrbit = button.dataset.orbit;
  viewer.jumpCameraToGoal?.();
}));

const turner = one("[data-turner]");
const turn = (yaw) => { turner.value = yaw; one("[data-turn]").src = turner.dataset.turner + yaw; };
turner?.addEventListener("input", () => turn(turner.value));
all("[data-yaw]").forEach((button) => button.addEventListener("click", () => turn(button.dataset.yaw)));

const overlay = one("[data-overlay]");
const mixer = one("[data-mixer]");
all("[data-overlays]").forEach((button) => button.addEventListener("click", () => {
  overlay.hidden = !overlay.hidden;
  overlay.src = photo.src;
  mixer.hidden = overlay.hidden;
  button.setAttribute("aria-pressed", String(!overlay.hidden));
  if (!overlay.hidden) one('.tools [data-key="f"]')?.click();
}));
mixer?.addEventListener("input", (event) => overlay.style.setProperty("--mix", event.target.value / 100));

// --- the model -------------------------------------------------------------------------------------------------------

viewer?.addEventListener("error", () => { one("[data-failed]").hidden = false; });

function labels(button) {
  const size = viewer.getDimensions();
  const middle = viewer.getBoundingBoxCenter();
  const told = button.dataset.dimensions.trim().split(/\s+/).filter(Boolean).map(Number);
  const sizes = [size.x, size.y, size.z];
  // The page says width, height, depth in centimetres; which of X and Z is the width shows in their ratio.
  const isTurned = told.length === 3 && (told[0] - told[2]) * (size.x - size.z) < 0;
  const shown = told.length === 3 ? (isTurned ? [told[2], told[1], told[0]] : told) : [];
  const places = [
    [middle.x, middle.y - size.y / 2, middle.z + size.z / 2],
    [middle.x + size.x / 2, middle.y, middle.z + size.z / 2],
    [middle.x + size.x / 2, middle.y - size.y / 2, middle.z],
  ];
  return places.map((place, axis) => {
    const label = document.createElement("div");
    label.slot = `hotspot-size-${axis}`;
    label.className = "dim";
    label.dataset.position = place.map((part) => `${part}m`).join(" ");
    label.textContent = shown.length ? `${shown[axis].toFixed(1)} cm` : `${sizes[axis].toFixed(2)} m`;
    return label;
  });
}

all("[data-dimensions]").forEach((button) => button.addEventListener("click", () => {
  const old = all(".dim");
  if (old.length) old.forEach((label) => label.remove());
  else if (viewer.loaded) viewer.append(...labels(button));
  button.setAttribute("aria-pressed", String(all(".dim").length > 0));
}));

// --- what nobody has measured yet ------------------------------------------------------------------------------------

all("[data-measure]").forEach(async (section) => {
  const answer = await fetch(section.dataset.measure);
  if (!answer.ok) { section.querySelector(".no-script")?.classList.remove("no-script"); return; }
  section.querySelector("[data-measured]").innerHTML = await answer.text();
  const sides = [...section.querySelectorAll("table.sides tbody tr td:nth-child(3)")].map((cell) => parseFloat(cell.textContent));
  const button = one("[data-dimensions]");
  if (button && sides.length) button.dataset.dimensions = sides.join(" ");
});
