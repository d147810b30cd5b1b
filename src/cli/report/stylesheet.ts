// Stylesheet of the report, for light and dark mode.

/** CSS. Kinds also differ in lightness, for readers who cannot distinguish hues. */
export const STYLESHEET = `
:root { color-scheme: light dark;
  --text: #1c1f24; --dim: #5b6370; --line: #d5d9e0; --page: #fff; --card: #f5f6f8; --on-bar: #fff; --on-pale: #1c1f24;
  --compiled: #2759b8; --restored: #1d7a46; --lookup: #aab2bf; --waiting: #d9a300; --failed: #b3261e; --cancelled: #8a5a00; }
@media (prefers-color-scheme: dark) { :root {
  --text: #e6e8ec; --dim: #a2aab6; --line: #3a404a; --page: #15181c; --card: #1f2329; --on-bar: #0c0e11; --on-pale: #0c0e11;
  --compiled: #82aaff; --restored: #6ed398; --lookup: #767f8d; --waiting: #ffd257; --failed: #ff8a80; --cancelled: #e0a85c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 24px 20px 48px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h1, h2, p, li { overflow-wrap: anywhere; } h2 { font-size: 17px; margin: 32px 0 10px; } h3 { font-size: 15px; margin: 18px 0 8px; }
p { margin: 4px 0; } .dim { color: var(--dim); } code, pre { font: 13px/1.5 ui-monospace, monospace; }
.mistake { font: 13px/1.5 ui-monospace, monospace; }
pre, .mistake { background: var(--card); border-left: 3px solid var(--failed); padding: 8px 12px; margin: 6px 0; overflow-x: auto; }
.scroll { overflow-x: auto; } [tabindex]:focus-visible { outline: 3px solid var(--compiled); outline-offset: 2px; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } th[scope=col] { color: var(--dim); } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 8px 0; padding: 0; font-size: 13px; }
.swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
svg { display: block; width: 100%; height: auto; font-family: system-ui, sans-serif; }
svg.timeline { min-width: 640px; }
.tick { stroke: var(--line); } .axis, .track { fill: var(--dim); font-size: 12px; } .bar text { font-size: 12px; fill: var(--on-bar); }
.bar.lookup text, .bar.waiting text { fill: var(--on-pale); }
.meter { background: var(--card); border-radius: 3px; height: 12px; min-width: 120px; } .meter div { background: var(--compiled); height: 12px; border-radius: 3px; }
figure { margin: 0 0 20px; } svg.layer { min-width: 520px; } figcaption { font-weight: 600; margin-bottom: 6px; }
.key rect { fill: var(--card); stroke: var(--line); } .key text { fill: var(--text); } .key .hold { fill: var(--dim); }
.key.two rect { stroke: var(--compiled); } .key.below text, .key.nothing text { fill: var(--dim); }
${['compiled', 'restored', 'lookup', 'waiting', 'failed', 'cancelled']
  .map(kind => `.bar.${kind} rect { fill: var(--${kind}); } .swatch.${kind} { background: var(--${kind}); }`)
  .join('\n')}
`;
