// A batch as it goes on: counts as they change, what failed and why, and what can be done.

import { explain, json, post } from "./api.js";
import { count, el, plural } from "./dom.js";

const STATES = { running: "running", paused: "paused", cancelling: "being cancelled", cancelled: "cancelled", done: "done" };
const LOOK = 2000;
const FAILURES = 50;

/** The view of a batch; keeps itself up to date until the batch has ended. */
export class Batch {
  constructor(state, { ended = () => {} } = {}) {
    this.ended = ended;
    this.id = state.batch;
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Items done" });
    this.text = el("p", { class: "counts" });
    this.buttons = el("p", { class: "actions" });
    this.problem = el("p", { class: "notice bad", role: "alert", hidden: true });
    this.failures = el("div", { class: "failures" });
    this.element = el("div", { class: "batch" }, this.bar, this.text, this.buttons, this.problem, this.failures);
    this.show(state);
    if (!this.over) this.watch();
  }

  get over() {
    return this.state.state === "done" || this.state.state === "cancelled";
  }

  watch() {
    if (this.source) return;
    clearTimeout(this.timer);
    this.source = new EventSource(`/v1/batches/${this.id}/events`);
    this.source.addEventListener("state", (event) => this.show(JSON.parse(event.data)));
    this.source.addEventListener("error", () => {
      // The end of the stream is an error to the browser, too; and there may be no room for another one.
      this.source.close();
      this.source = undefined;
      this.later();
    });
  }

  /** Look after a while, unless there are events again, which tell more. */
  later() {
    clearTimeout(this.timer);
    if (!this.over && !this.source) this.timer = setTimeout(() => this.look(), LOOK);
  }

  async look() {
    try {
      const state = await json(`/v1/batches/${this.id}`);
      if (this.source) return;
      this.show(state);
      this.problem.hidden = true;
    } catch (error) {
      this.fail(error);
      if (error.status === 404) return;
    }
    this.later();
  }

  fail(error) {
    this.problem.textContent = explain(error);
    this.problem.hidden = false;
  }

  show(state) {
    const before = this.state;
    this.state = state;
    const { total, done, failed, rate, eta_seconds: eta } = state;
    this.bar.max = Math.max(total, 1);
    this.bar.value = done;
    const good = done - failed;
    const pieces = [`${count(done)} of ${plural(total, "item")}`];
    if (failed) pieces.push(`${count(failed)} failed`);
    if (state.outcomes?.partial) pieces.push(`${count(state.outcomes.partial)} in part`);
    if (!this.over && rate) pieces.push(`${rate.toFixed(rate < 10 ? 1 : 0)} a second`);
    if (!this.over && eta) pieces.push(`${Math.ceil(eta)} s left`);
    this.text.textContent = `${STATES[state.state] ?? state.state}: ${pieces.join(" · ")}`;
    this.element.dataset.state = state.state;
    if (before?.state !== state.state) {
      this.showButtons();
      if (this.over) {
        this.source?.close();
        if (total > 0 && good === 0 && state.state === "done") this.fail(new Error("Nothing of this batch can be searched. The reasons are below."));
        if (failed || state.outcomes?.partial) this.showFailures();
        this.ended(state);
      }
    }
  }

  showButtons() {
    const act = (action, label) => el("button", { type: "button", onclick: () => this.act(action) }, label);
    const buttons = {
      running: [act("pause", "Pause"), act("cancel", "Cancel")],
      paused: [act("resume", "Go on"), act("cancel", "Cancel")],
      done: this.state.failed || this.state.outcomes?.partial ? [act("retry", "Try the failed ones again")] : [],
    };
    this.buttons.replaceChildren(...(buttons[this.state.state] ?? []), el("a", { class: "button", href: `/c/${this.state.collection}` }, "Search"));
  }

  async act(action) {
    this.problem.hidden = true;
    try {
      const answer = await post(`/v1/batches/${this.id}/${action}`, {});
      if (action === "retry") location.assign(`/batches/${answer.batch}`);
      else {
        this.show(answer);
        if (!this.over) this.watch();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  async showFailures(after) {
    try {
      const page = await json(`/v1/batches/${this.id}/failures?limit=${FAILURES}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
      this.failures.querySelector("button")?.remove();
      let list = this.failures.querySelector("ul");
      if (!list) {
        list = el("ul", { class: "reasons-list" });
        this.failures.append(el("h3", {}, "What went wrong"), list);
      }
      list.append(...page.failures.map(failure));
      if (page.after) this.failures.append(el("button", { type: "button", onclick: () => this.showFailures(page.after) }, "Show more"));
    } catch (error) {
      this.fail(error);
    }
  }
}

function failure({ id, errors = {}, notes = {} }) {
  const reasons = [...Object.entries(errors), ...Object.entries(notes)];
  return el("li", {}, el("b", {}, id), reasons.map(([part, reason]) => el("span", {}, `${part}: ${reason}`)));
}
