"use strict";
// What the page evaluates once tables.js has called load: explorer.data, after explorer.ready.

explorer.ready = new Promise((resolve, reject) => {
  explorer.load = async (header, text) => {
    try {
      const { surrogates, tasks, estimation, space } = explorer;
      space.set(header.options);
      const read = surrogates.reader(await surrogates.unpack(text));
      const metrics = header.metrics.map((metric) => surrogates.metric(metric, read, space.sizes));
      const byName = Object.fromEntries(metrics.map((metric) => [metric.name, metric]));
      explorer.data = {
        header,
        metrics: byName,
        accuracy: byName.accuracy,
        counts: header.counts.map((count) => surrogates.counted(count, read, space.sizes)),
        tasks: Object.fromEntries(header.tasks.map((task) => [task.name, tasks.task(task, read, byName.accuracy, byName[task.name])])),
        estimation: estimation.load(header.probes, read, space.sizes),
        probes: header.probes.indices.map(space.fromIndex),
        b0: space.fromIndex(header.efficientnet_b0),
      };
      resolve(explorer.data);
    } catch (error) {
      reject(error);
    }
  };
});
