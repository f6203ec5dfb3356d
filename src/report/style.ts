/** The one style sheet of all pages. No font, picture or other file is loaded: a page is what its file holds. */

/** Colours by role; `test/report/style.test.ts` holds the contrast of each text with its ground. */
export const THEMES = {
  light: {
    ground: '#ffffff',
    panel: '#f5f5f2',
    ink: '#1a1a1c',
    muted: '#55595f',
    rule: '#cfd0d2',
    accent: '#0b5394',
    bar: '#4d7ea8',
    caution: '#fdf3d7',
    cautionEdge: '#a56a00',
    added: '#d6efdd',
    addedInk: '#0d4a24',
    removed: '#fbdedb',
    removedInk: '#7c1410',
    mark: '#a3341f',
  },
  dark: {
    ground: '#16181b',
    panel: '#202327',
    ink: '#e9e9ea',
    muted: '#aab0b7',
    rule: '#43484e',
    accent: '#8cc0ee',
    bar: '#6f9fc8',
    caution: '#372c12',
    cautionEdge: '#e0aa3e',
    added: '#173a24',
    addedInk: '#b5ecc6',
    removed: '#4a1d1a',
    removedInk: '#ffc9c3',
    mark: '#ff9c86',
  },
} as const;

function variables(theme: Readonly<Record<string, string>>): string {
  return Object.entries(theme)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';');
}

export const STYLE = `
:root{color-scheme:light dark;${variables(THEMES.light)}}
@media (prefers-color-scheme:dark){:root{${variables(THEMES.dark)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif}
main,header,footer,nav{max-width:70rem;margin:0 auto;padding:0 1.25rem}
nav{padding-top:1rem;font-size:.9rem}
header{padding-top:1.5rem}
footer{margin-top:3rem;padding-top:1rem;padding-bottom:3rem;border-top:1px solid var(--rule);color:var(--muted);font-size:.85rem}
a{color:var(--accent);text-decoration-thickness:.06em;text-underline-offset:.18em}
h1,h2,h3{line-height:1.25;font-weight:650;margin:0 0 .6rem}
h1{font-size:1.75rem}
h2{font-size:1.25rem;margin-top:2.6rem;padding-top:.7rem;border-top:2px solid var(--ink)}
h3{font-size:1rem;margin-top:1.4rem}
p{margin:.5rem 0 .8rem;max-width:46rem}
.kicker{margin:0 0 .3rem;color:var(--muted);font-size:.85rem;letter-spacing:.03em}
.lead{font-size:1.1rem}
.muted,figcaption,caption{color:var(--muted);font-size:.9rem}
caption{text-align:start;padding:.3rem 0 .5rem}
.post{white-space:pre-wrap;overflow-wrap:anywhere}
blockquote{margin:1rem 0;padding:.8rem 1.1rem;border-inline-start:4px solid var(--accent);background:var(--panel);font-size:1.1rem}
blockquote .post{margin:0;max-width:none}
.hidden-character::after{content:attr(data-code);unicode-bidi:isolate;direction:ltr;display:inline-block;margin:0 .15em;padding:0 .3em;border:1px solid currentColor;border-radius:3px;color:var(--mark);font:600 .68em/1.35 ui-monospace,monospace;vertical-align:.12em;white-space:nowrap}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:1px;margin:1.4rem 0}
.facts div{outline:1px solid var(--rule);padding:.7rem .9rem}
.facts dt{color:var(--muted);font-size:.82rem}
.facts dd{margin:0;font-size:1.3rem;font-weight:650;font-variant-numeric:tabular-nums}
.facts dd small{display:block;font-size:.8rem;font-weight:400;color:var(--muted)}
.caution{margin:1.6rem 0;padding:1rem 1.25rem;background:var(--caution);border:1px solid var(--cautionEdge);border-inline-start-width:6px}
.caution h2{margin:0 0 .5rem;padding:0;border:0}
.caution h3:first-of-type{margin-top:.8rem}
.caution ul,.panel ul{margin:.4rem 0;padding-inline-start:1.2rem;max-width:46rem}
.panel{margin:1.6rem 0;padding:1rem 1.25rem;background:var(--panel);border:1px solid var(--rule)}
.panel h2{margin:0 0 .5rem;padding:0;border:0}
.share{display:inline-block;min-width:5.2rem;font-weight:650;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
table.narrow{width:auto;min-width:18rem}
th,td{padding:.4rem .6rem;text-align:start;vertical-align:top;border-bottom:1px solid var(--rule)}
thead th{border-bottom:2px solid var(--ink);font-weight:650;white-space:nowrap}
tbody th{font-weight:400}
.number{text-align:end;font-variant-numeric:tabular-nums;white-space:nowrap}
.when{white-space:nowrap;font-variant-numeric:tabular-nums}
.identifier{font:.85em/1.4 ui-monospace,monospace;overflow-wrap:anywhere;color:var(--muted)}
.variants{table-layout:fixed}
.variants .count{width:9.5rem}
ins,del{text-decoration-thickness:.08em;padding:0 .1em;border-radius:2px}
ins{background:var(--added);color:var(--addedInk);text-decoration:underline}
del{background:var(--removed);color:var(--removedInk);text-decoration:line-through}
.slot{padding:0 .4em;border:1px dashed var(--cautionEdge);border-radius:3px;background:var(--caution);white-space:nowrap;font-weight:650}
.chart{margin:1rem 0;max-width:50rem}
.chart svg{display:block;width:100%;height:auto}
.bar{fill:var(--bar)}
.grid{stroke:var(--rule);fill:none}
.mark{stroke:var(--mark);stroke-width:1.5;stroke-dasharray:4 3;fill:none}
.axis{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
.name{fill:var(--ink);font-size:12px;paint-order:stroke;stroke:var(--ground);stroke-width:3px}
.node{fill:var(--bar);stroke:var(--ground);stroke-width:1.5}
.near{stroke:var(--muted);stroke-opacity:.45;fill:none}
.shared{stroke:var(--accent);stroke-width:2.5;fill:none}
meter{width:5rem;vertical-align:middle}
details summary{cursor:pointer;color:var(--accent);font-size:.9rem}
.controls{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;margin:1rem 0;font-size:.92rem}
.controls input[type=search]{min-width:16rem;padding:.35rem .5rem;font:inherit;color:inherit;background:var(--ground);border:1px solid var(--muted)}
th button{all:unset;cursor:pointer;font-weight:650}
th button:focus-visible,a:focus-visible,summary:focus-visible,input:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
.campaigns td:nth-child(2){min-width:20rem}
.campaigns td:nth-child(7),.campaigns td:nth-child(8){font-size:.85rem;color:var(--muted)}
@media print{
:root{color-scheme:light;${variables(THEMES.light)}}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:10.5pt}
main,header,footer,nav{max-width:none;padding-inline:0}
nav,.controls,details{display:none}
h2,h3{break-after:avoid}
tr,figure,.caution,.panel,blockquote{break-inside:avoid}
thead{display:table-header-group}
.scroll{overflow:visible}
a{color:inherit;text-decoration:none}
}
`;
