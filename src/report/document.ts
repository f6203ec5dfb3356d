/**
 * What every page has in common: its head, with a policy that lets it load nothing and run nothing but the script that Chorus wrote.
 *
 * P1  A page names no address that a browser would load. The policy holds it to that: `default-src 'none'`.
 * P2  Styles and scripts are allowed by their hashes, so that markup that got into a page would have neither.
 */
import { createHash } from 'node:crypto';
import { escapeHtml } from './escape.ts';
import { STYLE } from './style.ts';

export interface Page {
  readonly title: string;
  /** Markup. */
  readonly body: string;
  readonly script?: string;
}

const STYLE_SOURCE = sourceOf(STYLE);

export function documentHtml({ title, body, script }: Page): string {
  const policy = [
    "default-src 'none'",
    `style-src ${STYLE_SOURCE}`,
    ...(script === undefined ? [] : [`script-src ${sourceOf(script)}`]),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body}
${script === undefined ? '' : `<script>${script}</script>\n`}</body>
</html>
`;
}

function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
