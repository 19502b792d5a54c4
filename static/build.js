// Builds dist/: the scripts and the sheet as the browser gets them, the script that draws stills, the fonts and the licences.
import { build } from 'esbuild';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
const modules = path.join(here, 'node_modules');
const font = 'PretendardVariable.woff2';
const fonts = {
  [font]: 'pretendard/dist/web/variable/woff2/' + font,
  'Pretendard-Regular.otf': 'pretendard/dist/public/static/Pretendard-Regular.otf',
  'Pretendard-SemiBold.otf': 'pretendard/dist/public/static/Pretendard-SemiBold.otf',
  // PDF files hold TrueType outlines.
  'Pretendard-Regular.ttf': 'pretendard/dist/public/static/alternative/Pretendard-Regular.ttf',
  'Pretendard-SemiBold.ttf': 'pretendard/dist/public/static/alternative/Pretendard-SemiBold.ttf',
};

// The sheet may say url("fonts/NAME.woff2"); every file of dist/ stands side by side, and static.go puts the hash in.
const besideTheSheet = {
  name: 'beside-the-sheet',
  setup(b) {
    b.onResolve({ filter: /\.woff2$/ }, (args) => ({ path: path.basename(args.path), external: true }));
  },
};

async function scripts() {
  await build({
    entryPoints: ['app.js', 'charts.js', 'still.js'].map((name) => path.join(here, name)),
    outdir: dist,
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['es2020'],
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'warning',
  });
}

async function sheets() {
  const shared = { bundle: true, minify: true, charset: 'utf8', plugins: [besideTheSheet], logLevel: 'warning' };
  await build({
    ...shared,
    stdin: { contents: '@import "./tokens.css"; @import "./app.css";', resolveDir: here, loader: 'css' },
    outfile: path.join(dist, 'app.css'),
  });
  await build({ ...shared, entryPoints: [path.join(here, 'tokens.css')], outdir: dist });
}

async function licences() {
  const parts = [
    ['Apache ECharts', 'echarts/LICENSE'],
    ['Apache ECharts (notice)', 'echarts/NOTICE'],
    ['ZRender', 'zrender/LICENSE'],
    ['tslib', 'tslib/LICENSE.txt'],
    ['Pretendard', 'pretendard/dist/LICENSE.txt'],
  ];
  const texts = await Promise.all(parts.map(async ([name, file]) => {
    const text = await readFile(path.join(modules, file), 'utf8');
    return `${name}\n${'='.repeat(name.length)}\n\n${text.trim()}\n`;
  }));
  await writeFile(path.join(dist, 'licences.txt'), texts.join('\n\n'));
}

async function clean() {
  await mkdir(dist, { recursive: true });
  const old = (await readdir(dist)).filter((name) => name !== '.gitignore');
  await Promise.all(old.map((name) => rm(path.join(dist, name), { recursive: true })));
}

async function copies() {
  const pictures = (await readdir(here)).filter((name) => /\.(svg|png|ico)$/.test(name));
  await Promise.all([
    ...Object.entries(fonts).map(([name, from]) => copyFile(path.join(modules, from), path.join(dist, name))),
    ...pictures.map((name) => copyFile(path.join(here, name), path.join(dist, name))),
  ]);
}

await clean();
await Promise.all([scripts(), sheets(), licences(), copies()]);
