// The theme that was chosen is there before the first paint; without a choice the system decides.
"use strict";

(() => {
  const root = document.documentElement;
  const names = { "": "System", light: "Light", dark: "Dark" };
  const order = ["", "light", "dark"];
  let chosen = "";
  try {
    chosen = localStorage.getItem("theme") ?? "";
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  const apply = () => {
    if (chosen) root.dataset.theme = chosen;
    else delete root.dataset.theme;
  };
  root.classList.add("script");
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const show = () => {
      button.textContent = names[chosen] ?? names[""];
      button.setAttribute("aria-label", `Theme: ${button.textContent}. Change it`);
    };
    button.hidden = false;
    show();
    button.addEventListener("click", () => {
      chosen = order[(order.indexOf(chosen) + 1) % order.length];
      try {
        localStorage.setItem("theme", chosen);
      } catch {
        // As above.
      }
      apply();
      show();
    });
  });
})();
