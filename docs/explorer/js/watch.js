"use strict";
// Watch an agent: the policy that ships for a device metric designs a network for a preference, choice by choice.

explorer.watch = (() => {
  const { h, fixed, named, say } = explorer.dom;
  const { space } = explorer;
  const STEPS = 28;
  const PACE = 220;

  function create(root, set) {
    let state = null;
    let step = 0;
    let timer = null;
    let begun = false;
    const picker = h("div");
    const slider = h("input", { type: "range", min: 0, max: 1000, id: "watched", oninput: () => set({ weight: Number(slider.value) / 1000 }) });
    const label = h("label", { for: "watched" });
    const area = h("div", { class: "episode" });
    const toggle = h("button", { type: "button", onclick: () => (timer ? pause() : play()) });
    const one = h("button", { type: "button", class: "quiet", onclick: () => { pause(); advance(); } }, "One step");
    const end = h("button", { type: "button", class: "quiet", onclick: () => { pause(); step = STEPS; render(); } }, "To the end");
    const plot = explorer.plot.make({ label: "Where the design lies against the exact front", pick: (p) => set({ mode: "explore", states: p.states }) });
    const judged = h("div");
    const outcome = h("div", { class: "outcome" }, judged, h("div", { class: "outcome-plot" }, plot, explorer.dom.legend([["own", "the agent’s"], ["optimum", "certified optimum"], ["front", "exact front"]])));
    root.replaceChildren(
      h("section", { class: "card", "aria-labelledby": "watch-title" },
        h("div", { class: "card-head" }, h("h2", { id: "watch-title" }, "Watch an agent"), picker),
        h("p", { class: "note" }, "One policy that ships with the package (preference_conditioned) designs for every preference. Bars are its probabilities; it takes the most probable option."),
        h("div", { class: "slider" }, label, slider),
        h("div", { class: "buttons" }, toggle, one, end), area, outcome));

    function pause() {
      clearInterval(timer);
      timer = null;
      toggle.textContent = step >= STEPS ? "Again" : "Play";
    }

    function play() {
      if (step >= STEPS) step = 0;
      timer = setInterval(advance, PACE);
      render();
    }

    function advance() {
      if (step >= STEPS) step = 0;
      step += 1;
      if (step >= STEPS) pause();
      render();
    }

    function render() {
      const { data } = explorer;
      const task = data.tasks[state.metric];
      const odds = task.policy(state.weight);
      const made = odds.map((own) => own.indexOf(Math.max(...own)));
      toggle.textContent = timer ? "Pause" : step >= STEPS ? "Again" : "Play";
      const now = Math.min(step, STEPS - 1);
      const block = step < STEPS ? Math.floor(step / 4) : -1;
      const cells = space.sizes.map((_, b) => h("div", { class: "policy-block" }, h("b", {}, `Block ${b}`), [0, 1, 2, 3].map((i) => {
        const at = 4 * b + i;
        const list = space.options[b][i];
        return h("div", { class: `policy-choice ${at < step ? "made" : at === now && step < STEPS ? "now" : "open"}` },
          h("span", { class: "choice-name", title: space.NAMES[i] }, ["e", "k", "L", "se"][i]),
          list.map((value, option) => h("span", { class: `odds ${at < step && option === made[at] ? "taken" : ""}`, title: `${fixed(100 * odds[at][option], 1)} %`, style: `--p:${at <= now ? odds[at][option] : 0}` }, space.shown(i, value))));
      })));
      const parts = [explorer.play.strip(made.slice(0, step), block), h("div", { class: "policy", role: "img", "aria-label": "Probabilities of the policy's choices" }, cells)];
      const point = task.point(space.fromChoices(made));
      const optimum = task.bestFor(state.weight);
      if (step >= STEPS) {
        const reward = task.rewardFor(point, state.weight);
        judged.replaceChildren(
          explorer.play.verdict(task, [["The agent’s", point, reward], ["Certified optimum", optimum, 1]], `${task.preference_id} with accuracy weighing ${fixed(state.weight, 3)}`),
          h("div", { class: "buttons" }, h("button", { type: "button", class: "quiet", onclick: () => set({ mode: "explore", states: point.states }) }, "Open in the explorer")));
        say(`The agent designed a network with ${fixed(point.accuracy, 2)} % and regret ${fixed(Math.max(0, 1 - reward), 4)}.`);
      }
      area.replaceChildren(...parts);
      outcome.hidden = step < STEPS;
      if (step >= STEPS) {
        plot.draw({
          task, metric: task.metric, front: explorer.plot.members(task), cloud: explorer.plot.cloud(task),
          points: [{ ...optimum, kind: "optimum", label: "certified optimum" }, { ...point, kind: "own", label: "the agent's" }],
        });
      }
    }

    function update(given) {
      state = { ...given, weight: given.weight ?? 0.5 };
      const task = explorer.data.tasks[state.metric];
      if (picker.dataset.metric !== state.metric) {
        picker.replaceChildren(explorer.dom.metricPicker(state.metric, (name) => set({ metric: name })));
        picker.dataset.metric = state.metric;
      }
      slider.value = 1000 * state.weight;
      label.textContent = `Accuracy weighs ${fixed(state.weight, 2)}, ${named(task.metric)} ${fixed(1 - state.weight, 2)}`;
      slider.setAttribute("aria-valuetext", label.textContent);
      if (!begun) { // the first visit begins by itself, unless motion is unwanted
        if (matchMedia("(prefers-reduced-motion: reduce)").matches) step = STEPS;
        else timer = setInterval(advance, PACE);
        begun = true;
      }
      render();
    }
    return { update, leave: () => clearInterval(timer) };
  }

  return { create };
})();
