// The picture and the name of the item that is pointed at.

import { itemPath } from "./api.js";
import { byId, el } from "./dom.js";

const map = byId("map");
const peek = byId("peek");

map?.addEventListener("pointerover", ({ target }) => {
  if (!target.matches("circle")) return;
  const { id, image } = target.dataset;
  const path = `/thumbnail?size=128&digest=${image}`;
  peek.replaceChildren(
    ...(image ? [el("img", { src: itemPath(map.dataset.collection, id, path), alt: "" })] : []),
    el("span", {}, target.querySelector("title").textContent),
  );
  const place = target.getBoundingClientRect();
  const around = map.getBoundingClientRect();
  const right = place.left - around.left > around.width / 2;
  peek.style.left = right ? "auto" : `${place.right - around.left + 8}px`;
  peek.style.right = right ? `${around.right - place.left + 8}px` : "auto";
  peek.style.top = `${Math.min(place.top - around.top, around.height - 160)}px`;
  peek.hidden = false;
});
map?.addEventListener("pointerout", ({ target }) => {
  if (target.matches("circle")) peek.hidden = true;
});
