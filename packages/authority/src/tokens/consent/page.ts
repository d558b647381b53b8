import { hash } from 'node:crypto'
import type { Answer } from '../http/answer.ts'

/** HTML that was written here, and values in it that were escaped. */
export interface Html {
  readonly html: string
}

/** Writes HTML; whatever is put in is escaped, unless it is HTML itself. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  const written = parts.map((part, index) => part + (index < values.length ? write(values[index] ?? '') : ''))
  return { html: written.join('') }
}

function write(value: string | number | Html | readonly Html[]): string {
  if (typeof value === 'object') return 'html' in value ? value.html : value.map((each) => each.html).join('')
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } dt { font-weight: 600; margin-top: .75rem } dd { margin: 0 }
li, code { overflow-wrap: anywhere } fieldset { border: 0; padding: 0; margin: 1rem 0 }
button { font: inherit; padding: .5rem 1.25rem; margin-right: .5rem }
article { border-top: 1px solid; padding: 1rem 0 }
`

/** The style by its hash: nothing else may be loaded, no script runs, and no other page may frame this one. */
const STYLE_SOURCE = `'sha256-${hash('sha256', STYLE, 'base64')}'`

/**
 * A page.
 * @param formTargets origins that an answer to a form may lead to: browsers hold redirects to `form-action` as well
 */
export function pageAnswer(title: string, body: Html, formTargets: readonly string[] = [], status = 200): Answer {
  const policy = [
    "default-src 'none'",
    `style-src ${STYLE_SOURCE}`,
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
    },
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${html`${title}`.html}</title><style>${STYLE}</style></head><body><main><h1>${html`${title}`.html}</h1>${body.html}</main></body></html>`,
  }
}

/** Leads on, by GET (RFC 9110 section 15.4.4). */
export function redirectAnswer(location: string, cookies: readonly string[] = []): Answer {
  return {
    status: 303,
    headers: {
      location,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      ...(cookies.length === 0 ? {} : { 'set-cookie': cookies }),
    },
    body: '',
  }
}
