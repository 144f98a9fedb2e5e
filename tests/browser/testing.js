// What the tests do in the page; loaded before its own scripts.

window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(event.blockedURI || event.violatedDirective);
});
window.longTasks = [];
new PerformanceObserver((list) => {
  window.longTasks.push(...list.getEntries().map((one) => one.duration));
}).observe({ type: "longtask", buffered: true });

const named = (hit) =>
  [...hit.querySelectorAll("[data-signal]")].map((one) => [one.dataset.signal, Number(one.dataset.value)]);

window.testing = {
  /** Drop files: [name, type, base64], or [name, type, a number of zeros]. */
  drop(files) {
    const transfer = new DataTransfer();
    for (const [name, type, data] of files) {
      const piece = typeof data === "string" ? Uint8Array.from(atob(data), (one) => one.charCodeAt(0)) : null;
      const mebibyte = new Blob([new Uint8Array(2 ** 20)]);
      const content = piece ? [piece] : Array(data / 2 ** 20).fill(mebibyte);
      transfer.items.add(new File(content, name, { type }));
    }
    const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
    for (const kind of ["dragenter", "dragover", "drop"]) {
      document.getElementById("drop").dispatchEvent(new DragEvent(kind, options));
    }
  },

  /** By id and signal, the numbers of the bars. */
  contributions() {
    const hits = [...document.querySelectorAll("#hits > .hit")];
    return Object.fromEntries(hits.map((hit) => [hit.dataset.id, Object.fromEntries(named(hit))]));
  },

  /** Controls that are smaller than 24 pixels. */
  small() {
    const selector = "button, input, select, summary, a.button, nav a, .hit .open, .tags a";
    return [...document.querySelectorAll(selector)]
      .filter((one) => one.checkVisibility() && !["checkbox", "radio"].includes(one.type))
      .filter((one) => {
        const { width, height } = one.getBoundingClientRect();
        return width > 0 && (width < 24 || height < 24);
      })
      .map((one) => one.outerHTML);
  },
};
