"use strict";
// A device of one's own: times of the probe networks, and the front that they let expect.

explorer.device = (() => {
  const { h, fixed, number, named, segmented, copyButton, legend, say } = explorer.dom;
  const { space } = explorer;
  const LEAST = 5;
  const Z90 = 1.6449;
  const DESIGNS = 9;

  /** Numbers of a pasted text: one a line, or the table that `anb-gym probes` writes; null where there is none. */
  function pasted(text) {
    const texts = explorer.data.probes.map(space.text);
    const lines = text.trim().split(/\r?\n/).map((line) => line.split(/[,;\t]/).map((cell) => cell.trim()));
    const known = lines.filter((cells) => texts.includes(cells[0]));
    if (known.length) {
      return texts.map((name) => {
        const cells = known.find((row) => row[0] === name);
        return cells ? cells[cells.length - 1] : "";
      });
    }
    const numbers = text.trim().split(/[\s,;]+/);
    return numbers.length > 1 && numbers.every((cell) => Number(cell) > 0) ? texts.map((_, i) => numbers[i] || "") : null;
  }

  function create(root, set) {
    const { data } = explorer;
    let state = null;
    let run = 0;
    let estimatedFor = "";
    let found = null;
    const inputs = data.probes.map((states, i) => h("input", {
      type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": `Probe ${i + 1}`,
      onchange: () => set({ times: inputs.map((input) => input.value.trim()), like: null }),
      onpaste(event) {
        const times = pasted(event.clipboardData.getData("text"));
        if (times) {
          event.preventDefault();
          set({ times, like: null });
        }
      },
    }));
    const kind = segmented("What was measured", [{ value: "throughput", text: "Throughput, images/s" }, { value: "latency", text: "Latency, ms" }], "throughput", (value) => set({ kind: value, like: null }));
    const example = h("select", { onchange: () => imitate(example.value) }, h("option", { value: "" }, "— your own —"),
      Object.values(data.tasks).map((task) => h("option", { value: task.name }, named(task.metric))));
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const result = h("section", { class: "card", "aria-labelledby": "estimate-title", hidden: true });
    const title = h("h2", { id: "estimate-title" }, "Estimated front");
    const about = h("p", { class: "note" });
    const designs = h("tbody");
    const head = h("tr");
    const plot = explorer.plot.make({ label: "Accuracy against the estimated metric", pick: (p) => set({ mode: "explore", states: p.states }) });
    const key = h("div");
    result.append(h("div", { class: "card-head" }, title), about, plot, key,
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Designs" }, h("table", {}, h("thead", {}, head), designs)));
    root.replaceChildren(
      h("section", { class: "card", "aria-labelledby": "device-title" },
        h("div", { class: "card-head" }, h("h2", { id: "device-title" }, "A device of your own")),
        h("p", { class: "note" }, "Measure these ten networks on your device (", h("code", {}, "anb-gym probes --out FOLDER"),
          " writes them as TorchScript and ONNX), paste the table or the column of numbers into any field, and see which networks would be on its front. ",
          "The times stay in this page and its address."),
        h("div", { class: "device-head" }, h("div", { class: "picker" }, h("span", {}, "What was measured"), kind), h("label", { class: "picker" }, h("span", {}, "Or pretend that this one is new"), example)),
        h("ol", { class: "probes" }, data.probes.map((states, i) => h("li", {}, h("code", {}, space.text(states)), inputs[i]))),
        problem,
        h("div", { class: "buttons" },
          h("button", { type: "button", class: "quiet", onclick: () => set({ times: [], like: null }) }, "Clear"),
          copyButton("Copy link", () => location.href))),
      result);

    function imitate(name) {
      if (!name) return set({ times: [], like: null });
      const metric = data.metrics[name];
      return set({ like: name, kind: metric.kind, times: data.probes.map((states) => String(Number(metric.value(states).toPrecision(5)))) });
    }

    const seconds = (value) => (state.kind === "throughput" ? 1 / value : value / 1000);
    const inUnit = (time) => (state.kind === "throughput" ? 1 / time : time * 1000);

    /** The times as numbers by probe, or what is wrong with them. */
    function measured() {
      const rows = state.times.map((text, i) => ({ text, i })).filter(({ text }) => text);
      const wrong = rows.find(({ text }) => !(Number(text) > 0 && Number.isFinite(Number(text))));
      if (wrong) return { problem: `Probe ${wrong.i + 1} must be a positive number, got “${wrong.text.slice(0, 20)}”.` };
      if (rows.length < LEAST) return { problem: rows.length ? `At least ${LEAST} probes must be measured, ${rows.length} are.` : "" };
      return { rows: rows.map(({ text, i }) => ({ states: data.probes[i], seconds: seconds(Number(text)) })) };
    }

    async function estimate(rows) {
      const own = ++run;
      const device = explorer.estimation.estimate(data.estimation, state.kind, rows.map((row) => row.states), rows.map((row) => row.seconds));
      const seeds = Object.values(data.tasks).flatMap((task) => task.front());
      about.textContent = "Searching…";
      const members = await explorer.estimation.search(data.accuracy, device, seeds, (n) => { if (own === run) about.textContent = `Searching… ${n} networks looked around`; });
      if (own !== run) return;
      found = {
        device, n: rows.length,
        front: members.map((p) => {
          const { mean, std } = device.predict(p.states);
          return { ...p, std, metric: inUnit(Math.exp(mean)), label: "estimated" };
        }),
      };
      render();
      say(`Estimated front of ${found.front.length} networks.`);
    }

    function render() {
      const like = state.like ? data.tasks[state.like] : null;
      const metric = { label: like ? like.metric.label : "Your", kind: state.kind, unit: state.kind === "throughput" ? "images/s" : "ms", larger: state.kind === "throughput" };
      const { front, device } = found;
      const median = front.map((p) => p.std).sort((a, b) => a - b)[Math.floor(front.length / 2)];
      title.textContent = like ? `Estimated front of the ${named(like.metric)}, from ${found.n} probes` : `Estimated front, from ${found.n} probes`;
      about.textContent = `${front.length} networks, found by local search over changes of one block from all shipped fronts: not certified. ` +
        `What is left unknown of their times: ${fixed(100 * median, 1)} % (median standard deviation). ` +
        (device.surprise > 4 ? `The times are unlike those of generated devices: ${fixed(Math.sqrt(device.surprise), 1)} times as far as expected. ` : "") +
        "As anb-gym design --probes estimates it, but for covariances cut to 40 factors: means differ by up to 2 %. The prior was learned from real devices, these among them.";
      key.replaceChildren(legend([["front", "estimated front"], ...(like ? [["truth", "its exact front, from all measurements"]] : [])]));
      plot.draw({ metric, front, points: [], truth: like ? like.front() : null, floor: 50 });
      const order = front.slice().sort((a, b) => b.accuracy - a.accuracy);
      const rows = Array.from({ length: Math.min(DESIGNS, order.length) }, (_, i) => order[Math.round((i * (order.length - 1)) / Math.max(1, Math.min(DESIGNS, order.length) - 1))]);
      head.replaceChildren(...["Network", "Accuracy, %", `Expected, ${metric.unit}`, "90 % of devices", ...(like ? ["In truth"] : [])].map((name, i) => h("th", { scope: "col", class: i ? "right" : "" }, name)));
      designs.replaceChildren(...rows.map((p) => {
        const ends = [-1, 1].map((sign) => p.metric * Math.exp(sign * Z90 * p.std));
        return h("tr", {},
          h("td", { class: "architecture" }, h("button", { type: "button", class: "link", onclick: () => set({ mode: "explore", states: p.states, ...(like ? { metric: like.name } : {}) }) }, space.text(p.states))),
          h("td", { class: "right" }, fixed(p.accuracy, 2)), h("td", { class: "right" }, number(metric, p.metric)),
          h("td", { class: "right" }, `${number(metric, ends[0])} – ${number(metric, ends[1])}`),
          like && h("td", { class: "right" }, number(metric, like.metric.value(p.states))));
      }));
    }

    function update(given) {
      state = given;
      kind.set(state.kind);
      example.value = state.like || "";
      inputs.forEach((input, i) => { input.value = state.times[i] || ""; });
      const { rows, problem: wrong } = measured();
      problem.hidden = !wrong;
      problem.textContent = wrong || "";
      result.hidden = !rows;
      const what = JSON.stringify([state.kind, state.times]);
      if (rows && what !== estimatedFor) {
        estimatedFor = what;
        estimate(rows);
      } else if (rows && found) {
        render();
      }
    }
    return { update, leave: () => { run += 1; } };
  }

  return { create, pasted };
})();
