// What the pages do beyond their markup: they say when they are stale, and they draw curves.
"use strict";

(() => {
  const stale = document.getElementById("stale");
  const show = (isStale) => () => { if (stale) stale.hidden = !isStale; };
  document.body.addEventListener("htmx:sendError", show(true));
  document.body.addEventListener("htmx:responseError", show(true));
  document.body.addEventListener("htmx:afterOnLoad", show(false));

  const figures = [...document.querySelectorAll("[data-chart]")];
  if (!figures.length || !window.uPlot) return;
  const MIB = 1024 * 1024;
  const HEIGHT = 170;
  const REFRESH_MS = 10000;

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    return { line: style.getPropertyValue("--link").trim(), text: style.getPropertyValue("--soft").trim(), grid: style.getPropertyValue("--line").trim() };
  };

  const options = (figure) => {
    const { line, text, grid } = colours();
    const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    return {
      width: figure.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
      axes: [{ ...axis, values: (_, moments) => moments.map((seconds) => new Date(seconds * 1000).toISOString().slice(11, 16)) }, { ...axis, size: 60 }],
      series: [{ value: "{HH}:{mm}:{ss}" }, { label: figure.dataset.words, stroke: line, width: 2, fill: `${line}22`, points: { show: false }, value: (_, value) => (value === null ? "–" : value.toFixed(1)) }],
    };
  };

  const charts = new Map();
  const draw = (figure, curves) => {
    const name = figure.dataset.curve;
    const values = name === "bytes" ? curves.bytes.map((each) => each / MIB) : curves[name];
    const data = [curves.at, values];
    if (charts.has(figure)) charts.get(figure).setData(data);
    else charts.set(figure, new uPlot(options(figure), data, figure));
    const most = values.reduce((one, other) => Math.max(one, other), 0);
    const now = values.length ? values[values.length - 1] : 0;
    figure.setAttribute("aria-label", `${figure.dataset.words} over the last hour: now ${now.toFixed(1)}, at most ${most.toFixed(1)}`);
  };

  const refresh = async () => {
    const answer = await fetch(figures[0].dataset.chart, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    const curves = await answer.json();
    figures.forEach((figure) => draw(figure, curves));
  };
  const often = () => refresh().catch(show(true)).finally(() => setTimeout(often, REFRESH_MS));
  often();

  const redraw = () => {
    charts.forEach((chart) => chart.destroy());
    charts.clear();
    refresh().catch(show(true));
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    charts.forEach((chart, figure) => chart.setSize({ width: figure.clientWidth, height: HEIGHT }));
  });
})();
