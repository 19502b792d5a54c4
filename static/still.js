// Draws an option as SVG text, in an engine that has neither a page nor a canvas. The server calls still(…) once and
// throws the engine away: ids count up within one, and a still must not depend on what was drawn before it.
import { SVGRenderer } from 'echarts/renderers';
import { echarts } from './engine.js';
import { prepared, theme } from './option.js';

echarts.use([SVGRenderer]);

// ECharts schedules frames that a still has no use for.
globalThis.setTimeout ??= () => 0;
globalThis.clearTimeout ??= () => {};

// Advances of a face in em: hangul is one width, the rest is a table. What no face has is one em if it is wide.
// ("国" is how the renderer measures the height of a line, and it must come out as one em.)
function advanceOf(code, face) {
  if (code >= 0xac00 && code <= 0xd7a3) {
    return face.hangul;
  }
  return face.advances[code] ?? (code >= 0x2e80 ? 1 : face.missing);
}

function measure(faces) {
  const fonts = new Map();
  const fontOf = (css) => {
    if (!fonts.has(css)) {
      const size = /(\d+(?:\.\d+)?)px/.exec(css);
      const heavy = /\bbold(er)?\b|\b[6-9]00\b/.test(css);
      fonts.set(css, { size: size ? Number(size[1]) : 12, face: heavy ? faces.bold : faces.regular });
    }
    return fonts.get(css);
  };
  return (text, css) => {
    const { size, face } = fontOf(css ?? '');
    let width = 0;
    for (const character of String(text ?? '')) {
      width += advanceOf(character.codePointAt(0), face);
    }
    return { width: width * size };
  };
}

// Nothing moves in a still, and nobody points at it.
function stilled(option) {
  const { tooltip, toolbox, axisPointer, ...rest } = option;
  return { ...rest, animation: false, series: [].concat(rest.series ?? []).map((s) => ({ ...s, animation: false })) };
}

globalThis.still = (optionJSON, width, height, setup) => {
  const { colors, faces } = JSON.parse(setup);
  const colour = (token) => colors[token] ?? '';
  echarts.setPlatformAPI({ measureText: measure(faces) });
  const chart = echarts.init(null, theme(colour), { renderer: 'svg', ssr: true, width, height });
  chart.setOption(prepared(stilled(JSON.parse(optionJSON)), colour));
  return chart.renderToSVGString();
};
