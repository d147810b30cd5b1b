// Files of the live page: its frame, its stylesheet, and the script that fills in the parts as they come.
import { markup } from '../report/markup.ts';
import { STYLESHEET } from '../report/stylesheet.ts';
import type { PageFiles } from './page-server.ts';

/** The parts of the page, in order. */
export const PARTS = ['status', 'targets', 'failures', 'keymaps', 'log'] as const;
export type PartId = (typeof PARTS)[number];

const STYLE = `${STYLESHEET}
#connection { color: var(--failed); font-weight: 600; min-height: 1.5em; margin: 0; }
#status { font-size: 17px; font-weight: 600; } #status .dim { font-size: 15px; font-weight: 400; overflow-wrap: anywhere; }
.state { white-space: nowrap; } .state::before { content: ''; display: inline-block; width: 10px; height: 10px; border-radius: 50%;
  margin-right: 8px; background: var(--dim); }
.state.finished::before { background: var(--restored); } .state.failed::before { background: var(--failed); }
.state.compiling::before, .state.checking::before { background: var(--compiled); } .state.waiting::before { background: var(--waiting); }
pre.log { border-left-color: var(--line); max-height: 320px; overflow: auto; }
`;

// A part that has not changed is left alone, so that a selection and the place in a log stay. A log that shows its end
// goes on showing it.
const SCRIPT = `'use strict';
const connection = document.getElementById('connection');
function place(element) {
  const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 4;
  return { top: atEnd ? Infinity : element.scrollTop, left: element.scrollLeft };
}
function replace(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
  const places = new Map();
  for (const element of part.querySelectorAll('[tabindex][id]')) places.set(element.id, place(element));
  part.innerHTML = html;
  for (const element of part.querySelectorAll('[tabindex][id]')) {
    const { top, left } = places.get(element.id) || { top: Infinity, left: 0 };
    element.scrollTop = Math.min(top, element.scrollHeight);
    element.scrollLeft = left;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}
function connect() {
  const events = new EventSource('events');
  events.addEventListener('open', () => { connection.textContent = ''; });
  events.addEventListener('part', event => {
    const { id, html } = JSON.parse(event.data);
    replace(id, html);
  });
  events.addEventListener('end', () => {
    events.close();
    connection.textContent = 'The command has ended. Start it again for a new page.';
  });
  events.addEventListener('error', () => {
    connection.textContent = 'Connection lost. Reconnecting…';
    // The browser itself tries again, except after an answer that is none.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  });
}
connect();
`;

/** @param title of the page */
export function pageFiles(title: string): PageFiles {
  const html = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
<title>${title}</title>
</head>
<body>
<header>
<h1>${title}</h1>
<p id="connection" role="alert"></p>
<noscript>This page needs JavaScript to show the build as it goes on.</noscript>
</header>
<main>
<div id="status" role="status"></div>
<section id="failures" aria-label="Mistakes"></section>
<section id="targets" aria-label="Targets"></section>
<section id="keymaps" aria-label="Keymaps"></section>
<section id="log" aria-label="Log"></section>
</main>
</body>
</html>
`;
  return new Map([
    ['', { type: 'text/html; charset=utf-8', content: html.text }],
    ['page.css', { type: 'text/css; charset=utf-8', content: STYLE }],
    ['page.js', { type: 'text/javascript; charset=utf-8', content: SCRIPT }],
  ]);
}
