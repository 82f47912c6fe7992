/** Turns a Vega-Lite specification into an SVG that is the same bytes every time and follows light and dark pages. */
import * as vega from "vega";
import * as vegaLite from "vega-lite";
import { CHART_CONFIG, DARK_OF } from "#report/theme.ts";

// An image in a page cannot see the page's theme, only the reader's preference, so the background goes with it.
const darkStyle = (): string => {
  const rules = Object.entries(DARK_OF).map(
    ([light, dark]) => `[fill="${light}"]{fill:${dark}}[stroke="${light}"]{stroke:${dark}}`,
  );
  return `<style>@media (prefers-color-scheme:dark){${rules.join("")}}</style>`;
};

// Standard error belongs to the command line; what Vega-Lite warns of is caught by looking at the charts.
const SILENT = {
  level: () => SILENT,
  error: () => SILENT,
  warn: () => SILENT,
  info: () => SILENT,
  debug: () => SILENT,
} as unknown as vega.LoggerInterface;

/** Renders one chart. Identical specifications give identical bytes. */
export const renderSvg = async (spec: vegaLite.TopLevelSpec): Promise<string> => {
  // Clip ids count up over a process's life otherwise.
  vega.resetSVGDefIds();
  const compiled = vegaLite.compile({ ...spec, config: CHART_CONFIG }, { logger: SILENT });
  const view = new vega.View(vega.parse(compiled.spec), { renderer: "none" });
  try {
    const svg = await view.toSVG();
    return `${svg.replace(/(<svg[^>]*>)/, `$1${darkStyle()}`)}\n`;
  } finally {
    view.finalize();
  }
};
