"use strict";
// A device nobody has seen, from times of a few networks, as anb_gym.hardware.estimation.
//
// For each width of the array, logarithms of block times, and of the host's, are jointly normal beforehand, with the
// moments of generated devices; their covariances are here those of 40 factors and variances of single blocks. A measured
// time is linearised around the estimate, conditioned on, and linearised again until nothing moves (Gauss and Newton).
// Widths are weighted by their evidence; the host's time is kept as a few points with weights.

explorer.estimation = (() => {
  const STEPS = 15;

  const LEAST = 1e-3; // components that weigh less are dropped

  function load(header, read, sizes) {
    const prior = ({ weight, mean, factors, quantum, left }) =>
      ({ weight, mean: read(mean), factors: Float64Array.from(read(factors), (v) => v * quantum), left: read(left), scale: header.scale });
    const kinds = Object.fromEntries(["throughput", "latency"].map((kind) => [kind, header[kind].map(prior)]));
    const starts = sizes.map((_, b) => sizes.slice(0, b).reduce((x, y) => x + y, 0));
    return { ...header, kinds, starts, n: sizes.reduce((x, y) => x + y, 0) };
  }

  /** How long an image takes with a host, in logarithms, and the share of the host in its slope. */
  function bounded(model, device, host) {
    const p = model.sharpness;
    const largest = Math.max(device, host);
    const value = largest + Math.log(Math.exp(p * (device - largest)) + Math.exp(p * (host - largest))) / p;
    return [value, Math.exp(p * (host - value))];
  }

  /** Logarithm of the seconds of an architecture and its slopes: [value, [[cell, slope], ...]]. */
  function linearised(model, x, states, hasHost) {
    const cells = states.map((s, b) => model.starts[b] + s);
    const times = cells.map((cell) => Math.exp(x[cell]));
    const total = times.reduce((a, b) => a + b, 0);
    const host = model.n;
    const [value, ofHost] = hasHost ? bounded(model, Math.log(total), x[host]) : [Math.log(total), 0];
    const slopes = cells.map((cell, b) => [cell, (times[b] / total) * (1 - ofHost)]);
    if (hasHost) slopes.push([host, ofHost]);
    return [value, slopes];
  }

  /** The covariance times sparse slopes, an array. */
  function covarianceTimes(prior, slopes) {
    const n = prior.mean.length;
    const found = new Float64Array(n);
    for (let f = 0; f < prior.factors.length / n; f++) {
      let dot = 0;
      for (const [cell, slope] of slopes) dot += prior.factors[f * n + cell] * slope;
      for (let i = 0; i < n; i++) found[i] += prior.factors[f * n + i] * dot;
    }
    const all = prior.scale * slopes.reduce((sum, [, slope]) => sum + slope, 0);
    for (let i = 0; i < n; i++) found[i] += all;
    for (const [cell, slope] of slopes) found[cell] += prior.left[cell] * slope;
    return found;
  }

  const dotSparse = (slopes, vector) => slopes.reduce((sum, [cell, slope]) => sum + slope * vector[cell], 0);

  /** The lower factor of Cholesky's decomposition. */
  function cholesky(matrix) {
    const n = matrix.length;
    const lower = matrix.map((row) => row.slice());
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = matrix[i][j];
        for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
        lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
      }
    }
    return lower;
  }

  function forward(lower, vector) {
    const found = vector.slice();
    for (let i = 0; i < found.length; i++) {
      for (let k = 0; k < i; k++) found[i] -= lower[i][k] * found[k];
      found[i] /= lower[i][i];
    }
    return found;
  }

  function backward(lower, vector) {
    const found = vector.slice();
    for (let i = found.length - 1; i >= 0; i--) {
      for (let k = i + 1; k < found.length; k++) found[i] -= lower[k][i] * found[k];
      found[i] /= lower[i][i];
    }
    return found;
  }

  function climb(model, prior, rows, logs, hasHost, x) {
    let state = null;
    for (let step = 0; step < STEPS; step++) {
      const linear = rows.map((states) => linearised(model, x, states, hasHost));
      const crossed = linear.map(([, slopes]) => covarianceTimes(prior, slopes));
      const spread = linear.map(([, slopes], i) =>
        crossed.map((column, j) => dotSparse(slopes, column) + (i === j ? model.noise ** 2 : 0)),
      );
      const lower = cholesky(spread);
      const residual = linear.map(([value, slopes], i) =>
        logs[i] - value - slopes.reduce((sum, [cell, slope]) => sum + slope * (prior.mean[cell] - x[cell]), 0),
      );
      const solved = backward(lower, forward(lower, residual));
      const square = residual.reduce((sum, r, i) => sum + r * solved[i], 0);
      const determinant = lower.reduce((sum, row, i) => sum + 2 * Math.log(row[i]), 0);
      state = { crossed, lower, square, evidence: -0.5 * (square + determinant) };
      const moved = Float64Array.from(prior.mean, (m, i) => m + crossed.reduce((sum, column, j) => sum + column[i] * solved[j], 0));
      const largest = moved.reduce((most, value, i) => Math.max(most, Math.abs(value - x[i])), 0);
      if (largest < 1e-3) break;
      const share = Math.min(1, 1 / largest);
      x = x.map((value, i) => value + share * (moved[i] - value));
    }
    return { ...state, x };
  }

  /** A width's posterior, its weight the logarithm of evidence. */
  function fit(model, prior, rows, logs, hasHost) {
    const start = Float64Array.from(prior.mean);
    const shift = rows.reduce((sum, states, i) => sum + logs[i] - linearised(model, start, states, false)[0], 0) / rows.length;
    start.forEach((value, i) => { start[i] = value + shift; });
    const begun = [start];
    if (hasHost) { // the fastest may be as fast as the host allows
      const capped = start.slice();
      capped[model.n] = Math.min(...logs) - 0.02;
      begun.push(capped);
    }
    const found = begun.map((x) => climb(model, prior, rows, logs, hasHost, x)).reduce((a, b) => (b.evidence > a.evidence ? b : a));
    const component = { ...found, prior, evidence: found.evidence + Math.log(prior.weight), points: [{ shift: 0, host: -Infinity, weight: 1 }] };
    return hasHost ? withPoints(model, component, rows, logs) : component;
  }

  /** The posterior covariance times sparse slopes. */
  function posteriorTimes({ prior, crossed, lower }, slopes) {
    const known = backward(lower, forward(lower, crossed.map((column) => dotSparse(slopes, column))));
    return covarianceTimes(prior, slopes).map((value, i) => value - crossed.reduce((sum, column, j) => sum + column[i] * known[j], 0));
  }

  /** The host as points of Gauss and Hermite's rule, weighted anew with how well each explains the measurements. */
  function withPoints(model, component, rows, logs) {
    const [nodes, shares] = model.host;
    const own = posteriorTimes(component, [[model.n, 1]]);
    const hostVariance = own[model.n];
    const gain = own.map((value) => value / hostVariance);
    const { x } = component;
    const points = nodes.map((node) => ({ shift: Math.sqrt(hostVariance) * node, host: x[model.n] + Math.sqrt(hostVariance) * node }));
    const misfits = points.map(({ shift, host }) => rows.reduce((sum, states, i) => {
      const total = states.reduce((t, s, b) => t + Math.exp(x[model.starts[b] + s] + shift * gain[model.starts[b] + s]), 0);
      return sum + (bounded(model, Math.log(total), host)[0] - logs[i]) ** 2;
    }, 0) / (model.noise ** 2 + model.own ** 2));
    const least = Math.min(...misfits);
    const weights = shares.map((share, i) => share * Math.exp(-0.5 * (misfits[i] - least)));
    const total = weights.reduce((a, b) => a + b, 0);
    points.forEach((point, i) => { point.weight = weights[i] / total; });
    return { ...component, points, gain, hostVariance };
  }

  /** The device that times allow: {predict(states), blockSeconds, surprise}. */
  function estimate(model, kind, rows, seconds) {
    const hasHost = kind === "throughput";
    const logs = seconds.map(Math.log);
    const fits = model.kinds[kind].map((prior) => fit(model, prior, rows, logs, hasHost));
    const largest = Math.max(...fits.map((f) => f.evidence));
    const odds = fits.map((f) => Math.exp(f.evidence - largest));
    const all = odds.reduce((a, b) => a + b, 0);
    const kept = odds.map((odd) => (odd < LEAST * all ? 0 : odd));
    const total = kept.reduce((a, b) => a + b, 0);
    const components = fits.map((f, i) => ({ ...f, weight: kept[i] / total })).filter((c) => c.weight > 0);
    const square = components.reduce((sum, c) => sum + c.weight * c.square, 0);
    const factor = (model.strength + square) / (model.strength + rows.length);
    return {
      surprise: square / rows.length,
      /** Expected seconds of block states, without the host. */
      blockSeconds: model.starts.map((at, b) => Array.from({ length: explorer.space.sizes[b] }, (_, s) =>
        components.reduce((sum, c) => sum + c.weight * Math.exp(c.x[at + s]), 0))),
      /** Mean and standard deviation of the logarithm of seconds. */
      predict(states) {
        let [first, second] = [0, 0];
        for (const c of components) {
          const [sum, slopes] = linearised(model, c.x, states, false);
          const gain = c.gain ? dotSparse(slopes, c.gain) : 0;
          const variance = factor * (dotSparse(slopes, posteriorTimes(c, slopes)) - (c.hostVariance || 0) * gain ** 2);
          for (const point of c.points) {
            const [time, ofHost] = hasHost ? bounded(model, sum + gain * point.shift, point.host) : [sum, 0];
            first += c.weight * point.weight * time;
            second += c.weight * point.weight * (time ** 2 + (1 - ofHost) ** 2 * variance);
          }
        }
        return { mean: first, std: Math.sqrt(Math.max(0, second - first ** 2)) };
      },
    };
  }

  /** Points that no other beats in both accuracy and seconds, fastest first. */
  function nonDominated(points) {
    const sorted = points.slice().sort((a, b) => a.seconds - b.seconds || b.accuracy - a.accuracy);
    let best = -Infinity;
    return sorted.filter((p) => {
      const kept = p.accuracy > best;
      if (kept) best = p.accuracy;
      return kept;
    });
  }

  /**
   * The front of accuracy and estimated seconds by local search: from all members of the shipped fronts, to every
   * change of one block of a member, until none leads to a point that is not dominated. Not certified.
   */
  async function search(accuracy, estimated, seeds, progress = () => {}) {
    const seconds = (states) => states.reduce((sum, s, b) => sum + estimated.blockSeconds[b][s], 0);
    let archive = nonDominated(seeds.map((p) => ({ states: p.states, accuracy: p.accuracy, seconds: seconds(p.states) })));
    const visited = new Set();
    let begun = performance.now();
    for (;;) {
      const open = archive.filter((p) => !visited.has(explorer.space.index(p.states)));
      if (!open.length) return archive;
      const found = [];
      for (const p of open) {
        visited.add(explorer.space.index(p.states));
        const sweep = accuracy.sweep(p.states);
        sweep.forEach((values, b) => {
          const others = p.seconds - estimated.blockSeconds[b][p.states[b]];
          values.forEach((value, s) => {
            const time = others + estimated.blockSeconds[b][s];
            if (s !== p.states[b] && !beaten(archive, value, time)) {
              const states = p.states.slice();
              states[b] = s;
              found.push({ states, accuracy: value, seconds: time });
            }
          });
        });
        if (performance.now() - begun > 30) { // the page stays alive
          progress(visited.size);
          await new Promise((resolve) => setTimeout(resolve));
          begun = performance.now();
        }
      }
      archive = nonDominated([...archive, ...found]);
    }
  }

  /** Whether a member that is at least as fast is at least as accurate. */
  function beaten(archive, accuracy, seconds) {
    let low = 0;
    let high = archive.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (archive[middle].seconds <= seconds) low = middle + 1;
      else high = middle;
    }
    return low > 0 && archive[low - 1].accuracy >= accuracy;
  }

  return { load, estimate, search };
})();
