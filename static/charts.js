// Draws every <div class="chart" data-chart="ID"> from the option in <script type="application/json" id="ID">.
import { CanvasRenderer } from 'echarts/renderers';
import { echarts } from './engine.js';
import { family, prepared, theme } from './option.js';

echarts.use([CanvasRenderer]);
echarts.setPlatformAPI({ measureText: measure(document.createElement('canvas').getContext('2d')) });

const still = window.matchMedia('(prefers-reduced-motion: reduce)');
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const drawn = new Map();

// "国" is how the renderer measures the height of a line. The font has no hanja, and lines must not lie as close together as
// some other font's picture of it would have them: the mail's do not.
function measure(canvas) {
  return (text, font) => {
    if (canvas.font !== font) {
      canvas.font = font;
    }
    return text === '国' ? { width: parseFloat(/[\d.]+px/.exec(font)?.[0] ?? '12') } : canvas.measureText(text);
  };
}

function colour(token) {
  return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
}

function optionOf(box) {
  const block = document.getElementById(box.dataset.chart);
  if (!block) {
    throw new Error(`chart "${box.dataset.chart}" has no option`);
  }
  return JSON.parse(block.textContent);
}

function dispose(box) {
  drawn.get(box)?.dispose();
  drawn.delete(box);
}

// The numbers in the cells of a heatmap need room; where it is narrow the colours speak alone, and the table has the numbers.
const cellRoom = 34;

function crowded(option, width) {
  return (option.series ?? []).some((s) => s.type === 'heatmap') && width / Math.max(1, [option.xAxis].flat()[0]?.data?.length ?? 1) < cellRoom;
}

function draw(box) {
  dispose(box);
  const option = prepared(optionOf(box), colour);
  if (crowded(option, box.clientWidth)) {
    option.series.forEach((s) => (s.label = { ...s.label, show: false }));
  }
  if (still.matches) {
    option.animation = false;
  }
  // A canvas takes the page's tabular figures over, but text is measured without them, and the mail has none.
  box.style.fontVariantNumeric = 'normal';
  box.style.fontFeatureSettings = 'normal';
  const chart = echarts.init(box, theme(colour), { renderer: 'canvas' });
  drawn.set(box, chart);
  chart.setOption(option);
}

// One chart that cannot be drawn leaves the others alone.
function attempt(box, action) {
  try {
    action(box);
  } catch (error) {
    dispose(box);
    console.error(error);
  }
}

// A box in a hidden tab panel has no size; it is drawn when it gets one, and laid out again at each new width.
function resized(entries) {
  for (const { target, contentRect } of entries) {
    if (contentRect.width === 0 || contentRect.height === 0) {
      continue;
    }
    const chart = drawn.get(target);
    if (!chart) {
      attempt(target, draw);
    } else if (chart.getWidth() !== Math.round(contentRect.width) || chart.getHeight() !== Math.round(contentRect.height)) {
      const full = chart.getOption();
      if (crowded(full, chart.getWidth()) !== crowded(full, contentRect.width)) {
        attempt(target, draw);
      } else {
        chart.resize({ animation: { duration: 0 } });
      }
    }
  }
}

function redrawAll() {
  for (const box of [...drawn.keys()]) {
    attempt(box, draw);
  }
}

// Widths are measured when a chart is laid out, so the font has to be there; without one, the charts come all the same.
async function fonts() {
  try {
    await Promise.all(['400', '600'].map((weight) => document.fonts.load(`${weight} 12px ${family}`, '한1')));
  } catch (error) {
    console.warn(error);
  }
}

async function start() {
  const boxes = document.querySelectorAll('.chart[data-chart]');
  if (boxes.length === 0) {
    return;
  }
  await fonts();
  const observer = new ResizeObserver(resized);
  boxes.forEach((box) => observer.observe(box));
  new MutationObserver(redrawAll).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  dark.addEventListener('change', redrawAll);
}

start();
