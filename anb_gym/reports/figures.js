// Draws the figures of a page. Their data, which interactive.py makes, and plotly are blocks of it, packed by pages.py.
(async () => {
  "use strict";
  const elements = document.querySelectorAll(".figure");
  if (!window.DecompressionStream) {
    for (const element of elements) {
      element.textContent = element.textContent.trim();  // what <noscript> says
      element.style.height = "auto";
    }
    return;
  }

  function unpacked(id) {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), letter => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  const { blocks, figures } = JSON.parse(await unpacked("figures"));
  document.head.append(Object.assign(document.createElement("script"), { textContent: await unpacked("plotly") }));
  const config = {
    displaylogo: false, responsive: true, toImageButtonOptions: { format: "svg" },
    showSendToCloud: false, plotlyServerURL: "",  // nothing leaves the page
  };
  for (const element of elements) {
    const figure = figures[element.id];
    const { traces, layout } = figure.clocks ? trajectory(figure) : front(figure);
    element.replaceChildren();
    await Plotly.newPlot(element, traces, layout, config);
    await new Promise(resolve => setTimeout(resolve));  // lets the reader scroll meanwhile
  }

  // Medians as lines of steps on bands between the quartiles, for one clock and at the press of a button for another.
  function trajectory({ clocks, label, curves }) {
    const shown = clocks.map((_, clock) => curves.flatMap(({ values }) => stairs(values[clock])));
    const traces = curves.flatMap(({ name, colour, dash }) => [
      { name, fill: "toself", fillcolor: colour + "26", line: { width: 0 }, showlegend: false, hoverinfo: "skip" },
      { name, line: { color: colour, dash, width: 2, shape: "hv" }, hovertemplate: "%{x:,.0f}: %{y:.4g}" },
    ]).map((trace, place) => ({ ...trace, mode: "lines", legendgroup: trace.name, ...shown[0][place] }));
    const buttons = clocks.map((clock, place) => {
      const [x, y] = ["x", "y"].map(axis => shown[place].map(trace => trace[axis]));
      return { label: clock, method: "update", args: [{ x, y }, { "xaxis.title.text": clock }] };
    });
    const menu = {
      type: "buttons", direction: "right", buttons, x: 0, xanchor: "left", y: 1.02, yanchor: "bottom",
      bgcolor: "white", bordercolor: "#c9cdd2",
    };
    const scale = { type: "log", dtick: "D2", tickformat: ",~r" };  // labels at 1, 2 and 5
    return { traces, layout: { ...plane(clocks[0], label, scale), updatemenus: [menu] } };
  }

  // A band, which goes out along the steps of the upper quartile and back along those of the lower, and a line.
  function stairs({ x, low, median, high }) {
    const twice = values => values.flatMap(value => [value, value]);
    const steps = twice(x).slice(1);
    const [lower, upper] = [low, high].map(quartile => twice(numbers(quartile)).slice(0, -1));
    const band = { x: steps.concat([...steps].reverse()), y: upper.concat([...lower].reverse()) };
    return [band, { x, y: numbers(median) }];
  }

  // Numbers by the differences of their places among all numbers of four digits, of which a decade has 9,000.
  function numbers(differences) {
    let place = 0;
    return differences.map(difference => {
      place += difference;
      const decade = Math.floor(place / 9000);
      return Number(`${1000 + place - 9000 * decade}e${decade - 3}`);
    });
  }

  // Lines of steps, and dots that tell their architectures.
  function front({ labels: [x, y], shape, fronts }) {
    const hovertemplate = `%{customdata}<br>${y}: %{y:.2f}<br>${x}: %{x:,.4~g}`;
    const traces = fronts.flatMap(({ name, colour, dash, width, size, line, dots }) => [
      { name, ...line, mode: "lines", line: { color: colour, dash, width, shape }, hoverinfo: "skip" },
      {
        name, x: dots.x, y: dots.y, customdata: dots.index.map(architecture), hovertemplate, mode: "markers",
        marker: { color: colour, size, line: { color: "white", width: 0.5 } }, showlegend: false,
      },
    ]).map(trace => ({ ...trace, legendgroup: trace.name }));
    return { traces, layout: plane(x, y) };
  }

  // The architecture of an index, in which the last choice of the last block runs fastest.
  function architecture(index) {
    const words = blocks.map(() => "");
    for (const block of [...blocks.keys()].reverse())
      for (const [letter, options] of [...blocks[block]].reverse()) {
        words[block] = letter + options[index % options.length] + words[block];
        index = Math.floor(index / options.length);
      }
    return words.join("-");
  }

  function plane(x, y, scale) {
    const axis = {
      gridcolor: "#ececec", zeroline: false, linecolor: "#6b7178", ticks: "outside", automargin: true, ...scale,
    };
    return {
      height: 460, margin: { l: 70, r: 20, t: 50, b: 60 }, hovermode: "closest",
      xaxis: { ...axis, title: { text: x } }, yaxis: { ...axis, title: { text: y } },
      font: { family: "system-ui, sans-serif", size: 13 },
      legend: { orientation: "h", y: -0.22, yanchor: "top", itemsizing: "constant" },
    };
  }
})();
