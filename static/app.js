// Enhancement only: every page works without it. It stands in the head, so that a chosen theme is there before the first paint.
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const stored = (value) => {
    try {
      if (value) localStorage.setItem('theme', value);
      return localStorage.getItem('theme');
    } catch {
      return null; // storage may be denied: the system's theme holds then
    }
  };
  if (stored()) root.dataset.theme = stored();

  function toggleTheme() {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    stored(root.dataset.theme);
  }

  // Tabs: the panels follow one another until this runs.
  function tabs(box) {
    const list = box.querySelector('.tabs');
    const buttons = all('[role=tab]', list);
    const panels = buttons.map((b) => document.getElementById(b.getAttribute('aria-controls')));
    const pick = (i, focus) => {
      buttons.forEach((b, j) => {
        b.setAttribute('aria-selected', String(i === j));
        b.tabIndex = i === j ? 0 : -1;
        panels[j].hidden = i !== j;
      });
      if (focus) buttons[i].focus();
    };
    buttons.forEach((b, i) => {
      b.addEventListener('click', () => pick(i));
      b.addEventListener('keydown', (e) => {
        const n = buttons.length;
        const to = { ArrowRight: (i + 1) % n, ArrowLeft: (i + n - 1) % n, Home: 0, End: n - 1 }[e.key];
        if (to === undefined) return;
        e.preventDefault();
        pick(to, true);
      });
    });
    list.hidden = false;
    pick(Math.max(0, panels.findIndex((p) => '#' + p.id === location.hash)));
  }

  // Sorting by a head; equal values keep their order.
  function sort(button) {
    const head = button.closest('th');
    const body = head.closest('table').tBodies[0];
    const column = head.cellIndex;
    const sign = head.getAttribute('aria-sort') === 'descending' ? 1 : -1;
    all('th', head.parentNode).forEach((th) => th.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', sign < 0 ? 'descending' : 'ascending');
    const value = (row) => {
      const cell = row.cells[column];
      const written = (cell.dataset.v ?? cell.textContent).trim();
      const number = parseFloat(written.replace(/−/g, '-').replace(/[,\s]/g, ''));
      return { written, number };
    };
    const rows = [...body.rows].map((row) => ({ row, ...value(row) }));
    const numeric = head.classList.contains('num') || rows.every((r) => !Number.isNaN(r.number));
    const compare = (a, b) => {
      if (!numeric) return sign * a.written.localeCompare(b.written, root.lang);
      if (Number.isNaN(a.number) || Number.isNaN(b.number)) return Number.isNaN(a.number) - Number.isNaN(b.number);
      return sign * (a.number - b.number);
    };
    rows.sort(compare).forEach((r) => body.append(r.row));
  }

  // A question unfolds without script; with it, it is a dialog.
  function ask(details) {
    const box = details.querySelector('.ask-box');
    const dialog = document.createElement('dialog');
    dialog.setAttribute('aria-label', box.querySelector('.ask-title').textContent);
    details.after(dialog);
    details.querySelector('summary').addEventListener('click', (e) => {
      e.preventDefault();
      dialog.append(...box.childNodes);
      dialog.showModal();
    });
    dialog.addEventListener('click', (e) => {
      if (e.target === dialog || e.target.closest('[data-close]')) dialog.close();
    });
    dialog.addEventListener('close', () => box.append(...dialog.childNodes));
  }

  // The grid of days: the newest day in view, a card for the cell under the pointer or the focus, arrow keys between cells.
  function grid(wrap) {
    const scroll = wrap.querySelector('[data-newest]');
    const card = wrap.querySelector('[data-card]');
    scroll.scrollLeft = scroll.scrollWidth;
    const unmark = () => all('.cell.on', wrap).forEach((c) => c.classList.remove('on'));
    const hide = () => { card.hidden = true; unmark(); };
    const show = (cell) => {
      unmark();
      cell.classList.add('on');
      cell.setAttribute('aria-describedby', card.id);
      fill(card, cell);
      card.hidden = false;
      const at = wrap.getBoundingClientRect();
      const c = cell.getBoundingClientRect();
      card.style.left = Math.max(0, Math.min(c.left - at.left - 40, at.width - card.offsetWidth)) + 'px';
      card.style.top = c.bottom - at.top + 4 + 'px';
    };
    const over = (e) => {
      const cell = e.target.closest('a.cell');
      if (cell) show(cell);
    };
    scroll.addEventListener('mouseover', over);
    scroll.addEventListener('focusin', over);
    wrap.addEventListener('mouseleave', () => { if (!wrap.contains(document.activeElement)) hide(); });
    document.addEventListener('keydown', (e) => { if (e.key === 'Escape') hide(); });
    document.addEventListener('pointerdown', (e) => { if (!e.target.closest('.cell, [data-card]')) hide(); });
    scroll.addEventListener('keydown', (e) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
      const from = e.target.closest('td');
      if (!step || !from) return;
      e.preventDefault();
      const next = neighbour(scroll, from, step);
      if (next) next.focus();
    });
  }

  // The nearest cell with a link in a direction; days that are not scheduled are passed over.
  function neighbour(scroll, from, [down, right]) {
    const rows = all('tr', scroll).filter((r) => r.querySelector('.cell'));
    let row = rows.indexOf(from.parentNode);
    let column = from.cellIndex;
    for (;;) {
      row += down;
      column += right;
      const cell = rows[row]?.cells[column];
      if (!cell) return null;
      const link = cell.querySelector('a.cell');
      if (link) return link;
    }
  }

  function fill(card, cell) {
    const d = cell.dataset;
    for (const name of ['node', 'day', 'word', 'why', 'took', 'rows']) card.querySelector(`[data-${name}]`).textContent = d[name];
    const state = card.querySelector('[data-state]');
    state.className = 'st st-' + d.state;
    state.querySelector('use').setAttribute('href', '#g-' + d.state);
    card.querySelector('[data-open]').href = cell.href;
    for (const name of ['node', 'day']) {
      const field = card.querySelector(`input[name=${name}]`);
      if (field) field.value = d[name];
    }
  }

  // The page's stream. "swap" replaces an element by its id, "log" appends lines to one; both carry {id, html}.
  function stream(body) {
    const source = new EventSource(body.dataset.events);
    let paused = null;
    const resume = () => { if (paused) paused.remove(); paused = null; };
    source.addEventListener('open', resume);
    source.addEventListener('swap', (e) => { resume(); swap(JSON.parse(e.data)); });
    source.addEventListener('log', (e) => { resume(); append(JSON.parse(e.data)); });
    source.addEventListener('error', () => {
      if (paused) return;
      paused = document.createElement('span');
      paused.className = 'quiet';
      paused.setAttribute('role', 'status');
      const time = new Date().toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: body.dataset.zone || undefined });
      paused.textContent = body.dataset.paused.replace('{time}', time);
      (document.querySelector('.head ~ .facts, .live .facts') || document.querySelector('.head')).append(paused);
    });
  }

  function nodes(html, beside) {
    const svg = beside.namespaceURI === 'http://www.w3.org/2000/svg' && beside.localName !== 'svg';
    const holder = document.createElement('template');
    holder.innerHTML = svg ? `<svg>${html}</svg>` : html;
    return svg ? holder.content.firstChild.childNodes : holder.content.childNodes;
  }

  function swap({ id, html }) {
    const old = document.getElementById(id);
    if (!old) return;
    const focused = old.contains(document.activeElement) && document.activeElement.id;
    const card = document.querySelector('[data-card]:not([hidden])');
    const on = old.classList.contains('on');
    old.replaceWith(...nodes(html, old));
    const fresh = document.getElementById(id);
    if (!fresh) return;
    enhance(fresh);
    if (on) fresh.classList.add('on');
    if (on && card) fill(card, fresh);
    if (focused) document.getElementById(focused)?.focus();
  }

  function append({ id, html }) {
    const log = document.getElementById(id);
    if (!log) return;
    const stuck = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    log.append(...nodes(html, log));
    if (stuck) log.scrollTop = log.scrollHeight;
  }

  // What a fragment needs after it came; the page is the first fragment.
  function enhance(part) {
    all('[data-tabs]', part).forEach(tabs);
    all('[data-ask]', part).forEach(ask);
    all('[data-log]', part).forEach((log) => { log.scrollTop = log.scrollHeight; });
    all('details[data-fold]', part).forEach((d) => { d.open = false; d.removeAttribute('data-fold'); });
  }

  document.addEventListener('DOMContentLoaded', () => {
    enhance(document);
    all('.grid-wrap').forEach(grid);
    if (document.body.dataset.events) stream(document.body);
  });
  document.addEventListener('click', (e) => {
    if (e.target.closest('[data-theme-toggle]')) toggleTheme();
    const button = e.target.closest('table[data-sort] th button');
    if (button) sort(button);
    all('details.menu[open]').forEach((menu) => { if (!menu.contains(e.target)) menu.open = false; });
  });
  document.addEventListener('keydown', (e) => {
    const menu = e.key === 'Escape' && document.querySelector('details.menu[open]');
    if (!menu) return;
    menu.open = false;
    menu.querySelector('summary').focus();
  });
  document.addEventListener('change', (e) => {
    if (e.target.matches('form[data-submit] select')) e.target.form.requestSubmit();
  });
})();
