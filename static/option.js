// From an option as the server writes it to one that ECharts takes: colour tokens and named formatters are put in, and the
// one font there is stands everywhere. The page and the mail both go through here, so that they draw the same.
import { formatters } from './formatters.js';

// The page's own face first (tokens.css); without quotes, since it also stands in attributes of an SVG.
export const family = 'Pretendard Variable, Pretendard, sans-serif';

const colourKey = /colou?r$|^fill$|^stroke$/i;
const formatterKey = /^(valueF|f)ormatter$/;

// What an SVG cannot hold, and a search term can: controls and halves of a pair.
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/gu;

function formatterNamed(name) {
  if (!Object.hasOwn(formatters, name)) {
    throw new Error(`formatter "fmt:${name}" is not known`);
  }
  return formatters[name];
}

function colourNamed(name, colour) {
  const value = colour(name);
  if (!value) {
    throw new Error(`colour token "${name}" is not known`);
  }
  return value;
}

// The words of the data may begin with "--" or "fmt:", so only what stands under a colour's or a
// formatter's key is looked at.
function resolved(node, key, colour) {
  if (key === 'fontFamily') {
    return family;
  }
  if (typeof node === 'string') {
    if (node.startsWith('--') && colourKey.test(key)) {
      return colourNamed(node, colour);
    }
    return node.startsWith('fmt:') && formatterKey.test(key) ? formatterNamed(node.slice(4)) : node.replace(unwritable, '');
  }
  if (Array.isArray(node)) {
    return node.map((child) => resolved(child, key, colour));
  }
  if (node === null || typeof node !== 'object') {
    return node;
  }
  return Object.fromEntries(Object.entries(node).map(([k, child]) => [k, resolved(child, k, colour)]));
}

function list(value) {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

// grid.containLabel measures axis labels in "sans-serif" unless the family stands on the label itself. A hover card's heading
// is written like the axis it points at, but never cut.
function withAxes(option) {
  option.textStyle = { ...option.textStyle, fontFamily: family };
  for (const axis of [...list(option.xAxis), ...list(option.yAxis)]) {
    axis.axisLabel = { ...axis.axisLabel, fontFamily: family };
    axis.nameTextStyle = { ...axis.nameTextStyle, fontFamily: family };
    const { formatter } = axis.axisLabel;
    if (typeof formatter === 'function' && formatter !== formatters.cut20) {
      axis.axisPointer = { ...axis.axisPointer, label: { formatter, ...axis.axisPointer?.label } };
    }
  }
  return option;
}

// Hover cards drawn on the canvas, in the page's colours: HTML ones would need inline styles.
function withTooltip(option, colour) {
  if (!option.tooltip) {
    return option;
  }
  option.tooltip = {
    backgroundColor: colour('--paper'),
    borderColor: colour('--line-2'),
    borderWidth: 1,
    ...option.tooltip,
    textStyle: { color: colour('--ink'), fontSize: 12, ...option.tooltip.textStyle, fontFamily: family },
    renderMode: 'richText',
    confine: true,
  };
  return option;
}

// prepared returns a new option; colour gives the value of a token such as "--accent".
export function prepared(option, colour) {
  return withTooltip(withAxes(resolved(option, '', colour)), colour);
}

// theme is what the option does not say: the page's inks and hairlines in place of ECharts' own.
export function theme(colour) {
  const axis = {
    axisLine: { lineStyle: { color: colour('--ink-2') } },
    axisTick: { lineStyle: { color: colour('--ink-2') } },
    axisLabel: { color: colour('--axis') },
    nameTextStyle: { color: colour('--axis') },
    splitLine: { lineStyle: { color: colour('--grid') } },
  };
  return {
    color: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => colour('--c' + n)),
    backgroundColor: 'transparent',
    textStyle: { fontFamily: family, color: colour('--ink') },
    title: { textStyle: { color: colour('--ink') }, subtextStyle: { color: colour('--ink-3') } },
    legend: { textStyle: { color: colour('--ink-2') } },
    visualMap: { textStyle: { color: colour('--ink-3') } },
    categoryAxis: axis,
    valueAxis: axis,
    timeAxis: axis,
    logAxis: axis,
  };
}
