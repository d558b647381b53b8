/** A browser without scripts: it keeps cookies, follows redirects, and sends forms as browsers do. */
export interface TestBrowser {
  readonly visit: (url: string) => Promise<Visited>
  /** Sends the first form of a page whose button has this value, with changes. */
  readonly submit: (
    page: Visited,
    button: string,
    changes?: Readonly<Record<string, string>>,
    origin?: string,
  ) => Promise<Visited>
}

/** A page, or where a redirect leads that is not followed. */
export interface Visited {
  readonly url: string
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Creates one; it follows redirects until one leads to `stopAt`. */
export function createTestBrowser(stopAt: string): TestBrowser {
  const cookies = new Map<string, string>()
  const ask = async (url: string, init: RequestInit = {}): Promise<Visited> => {
    const headers = new Headers(init.headers)
    if (cookies.size > 0) headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
    const location = response.headers.get('location')
    const text = await response.text()
    if (location === null) return { url, status: response.status, headers: response.headers, text }
    const next = new URL(location, url).href
    if (next.startsWith(stopAt)) return { url: next, status: response.status, headers: response.headers, text: '' }
    return ask(next)
  }
  return {
    visit: (url) => ask(url),
    submit: (page, button, changes = {}, origin = new URL(page.url).origin) => {
      const form = page.text.split('<form').find((part) => part.includes(button)) ?? ''
      const [, action = ''] = /action="([^"]*)"/.exec(form) ?? []
      const values = new URLSearchParams()
      for (const [, input = ''] of form.matchAll(/<input ([^>]*)>/g)) {
        const [name, value] = ['name', 'value'].map((each) => new RegExp(`${each}="([^"]*)"`).exec(input)?.[1] ?? '')
        if (!input.includes('radio') || input.includes('checked')) values.set(name ?? '', value ?? '')
      }
      const [, name = '', value = ''] = new RegExp(`<button name="([^"]*)" value="(${button})"`).exec(form) ?? []
      if (name !== '') values.set(name, value)
      for (const [each, changed] of Object.entries(changes)) values.set(each, changed)
      return ask(new URL(action, page.url).href, { method: 'POST', body: values, headers: { origin } })
    },
  }
}
