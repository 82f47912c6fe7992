/** Colours and type of every chart: legible in print, on dark pages and without colour vision. */
import type { Config } from "vega-lite";

/** Each colour of the light theme and what it becomes on a dark page. */
export const DARK_OF: Readonly<Record<string, string>> = {
  "#ffffff": "#0d1117",
  "#1f2328": "#e6edf3",
  "#57606a": "#9da7b1",
  "#e4e8ec": "#262c34",
  "#8c959f": "#6e7681",
  "#f3f5f7": "#161b22",
  "#0072b2": "#58a9e6",
  "#d55e00": "#f5924e",
  "#007a5a": "#3fc79a",
  "#8a5a99": "#c79bd6",
  "#b8860b": "#e6b93c",
  "#c9dff0": "#1d3a52",
  "#f6d9c4": "#54331c",
  "#46327e": "#b79cf0",
  "#365c8d": "#76a9e0",
  "#277f8e": "#4cc0cf",
  "#1f9e76": "#45d3a0",
  "#6a9a1f": "#a6d957",
  "#b08a00": "#f0cf4a",
};

export const COLOUR = {
  background: "#ffffff",
  text: "#1f2328",
  muted: "#57606a",
  grid: "#e4e8ec",
  axis: "#8c959f",
  shade: "#f3f5f7",
  blue: "#0072b2",
  vermilion: "#d55e00",
  blueFill: "#c9dff0",
  vermilionFill: "#f6d9c4",
} as const;

/** For points of a sweep, which have an order: dark to light, told apart by lightness as well as hue. */
export const ORDERED_COLOURS: readonly string[] = [
  "#46327e",
  "#365c8d",
  "#277f8e",
  "#1f9e76",
  "#6a9a1f",
  "#b08a00",
];

/** `count` colours spread over the ordered ones; beyond six they repeat and the dash tells lines apart. */
export const orderedColours = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => {
    const last = ORDERED_COLOURS.length - 1;
    const at =
      count <= 1 ? 1 : count <= last + 1 ? Math.round((index * last) / (count - 1)) : index;
    return ORDERED_COLOURS[at % ORDERED_COLOURS.length] as string;
  });

const FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

export const CHART_WIDTH = 640;

export const CHART_CONFIG: Config = {
  aria: false,
  background: COLOUR.background,
  padding: { left: 12, right: 16, top: 12, bottom: 12 },
  font: FONT,
  title: {
    anchor: "start",
    frame: "group",
    fontSize: 15,
    fontWeight: 600,
    color: COLOUR.text,
    subtitleColor: COLOUR.muted,
    subtitleFontSize: 12,
    subtitlePadding: 4,
    offset: 14,
  },
  view: { stroke: null },
  axis: {
    labelColor: COLOUR.muted,
    titleColor: COLOUR.text,
    labelFontSize: 11.5,
    titleFontSize: 12,
    titleFontWeight: 500,
    titlePadding: 9,
    labelPadding: 5,
    gridColor: COLOUR.grid,
    domainColor: COLOUR.axis,
    tickColor: COLOUR.axis,
    tickSize: 4,
  },
  axisY: { domain: false, ticks: false },
  axisX: { grid: false },
  legend: {
    labelColor: COLOUR.text,
    titleColor: COLOUR.muted,
    labelFontSize: 11.5,
    titleFontSize: 11.5,
    titleFontWeight: 500,
    symbolStrokeWidth: 2.5,
    symbolSize: 120,
    rowPadding: 4,
  },
  text: { color: COLOUR.text, fontSize: 11.5 },
  header: { labelColor: COLOUR.text, labelFontSize: 12, titleColor: COLOUR.muted },
};
