"use strict";
// Draw each plot with the colours of the present theme, and again when the theme changes.
(function () {
  const theme = window.matchMedia("(prefers-color-scheme: dark)");
  const plots = Array.from(document.querySelectorAll("script[data-plot]"), (element) => ({
    target: document.getElementById(element.dataset.plot),
    data: element.textContent,
  }));

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }

  // Drawing on SVG attributes, plotly knows no CSS variables: put their values in. Only whole values under keys that
  // name colours are looked at, so that no text from a log is ever taken for one.
  function paint(value, key) {
    if (Array.isArray(value)) return value.map((item) => paint(item, key));
    if (value !== null && typeof value === "object") {
      for (const name of Object.keys(value)) value[name] = paint(value[name], name);
      return value;
    }
    if ((key !== "color" && key !== "fillcolor") || typeof value !== "string") return value;
    const variable = /^var\(--([a-z0-9-]+)\)$/.exec(value);
    return variable ? colour(variable[1]) : value;
  }

  function axis(settings) {
    return Object.assign(
      { gridcolor: colour("line"), linecolor: colour("line"), zerolinecolor: colour("line") },
      settings
    );
  }

  function draw() {
    for (const plot of plots) {
      const figure = paint(JSON.parse(plot.data), "");
      const layout = figure.layout;
      layout.font = { color: colour("ink"), family: getComputedStyle(document.body).fontFamily, size: 12 };
      layout.xaxis = axis(layout.xaxis);
      layout.yaxis = axis(Object.assign({ rangemode: "tozero" }, layout.yaxis));
      layout.hoverlabel = {
        bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("ink") },
        align: "left", namelength: -1,
      };
      layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("faint"), activecolor: colour("ink") };
      Plotly.react(plot.target, figure.data, layout, {
        responsive: true, displaylogo: false,
        modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
      });
    }
    document.documentElement.dataset.drawn = String(plots.length);
  }

  draw();
  theme.addEventListener("change", draw);
})();
