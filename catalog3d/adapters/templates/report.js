(() => {
  "use strict";
  const cards = [...document.querySelectorAll("article.card")];
  const tools = document.querySelector(".tools");
  if (cards.length < 2) return;
  const buttons = [...tools.querySelectorAll("button")];
  const box = tools.querySelector("input");
  const shown = tools.querySelector(".shown");
  const nothing = document.querySelector(".nothing");
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  let texts = null;
  let filter = "all";

  const passes = (card) => filter === "all" || (filter === "person" ? "person" in card.dataset : card.dataset.status === filter);

  function apply() {
    const words = fold(box.value).split(/\s+/).filter(Boolean);
    if (words.length) texts ??= cards.map((card) => fold(card.textContent));
    let count = 0;
    cards.forEach((card, n) => {
      const visible = passes(card) && words.every((word) => texts[n].includes(word));
      card.hidden = !visible;
      count += visible;
    });
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.filter === filter)));
    shown.textContent = count === cards.length ? "" : `${count} of ${cards.length} shown`;
    nothing.hidden = count > 0;
  }

  function showTarget() {
    const target = /^#sku-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (!target || !target.hidden) return;
    filter = "all";
    box.value = "";
    apply();
    target.scrollIntoView();
  }

  tools.hidden = false;
  buttons.forEach((button) => button.addEventListener("click", () => { filter = button.dataset.filter; apply(); }));
  box.addEventListener("input", apply);
  window.addEventListener("hashchange", showTarget);
  window.addEventListener("beforeprint", () => document.querySelectorAll("details.rows").forEach((rows) => { rows.open = true; }));
  apply();
})();
