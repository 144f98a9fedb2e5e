// Batches that are shown by the server become live.

import { Batch } from "./batch.js";

for (const place of document.querySelectorAll("[data-batch]")) {
  const state = JSON.parse(place.dataset.batch);
  place.replaceChildren(new Batch(state).element);
}
