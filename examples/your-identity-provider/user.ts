/** A user with a browser: keeps cookies, follows redirects, fills in forms. */
export interface User {
  /**
   * Opens the page to which an application sends its users, logs in and consents.
   * @returns where the browser is sent in the end: the application's redirect URI, with a code
   */
  readonly authorize: (url: URL, redirectUri: string) => Promise<URL>
}

/** The forms that the identity provider shows, and what this user fills in. */
const FORMS = [
  { field: 'name="login"', answers: { prompt: 'login', login: 'user_17', password: 'a password' } },
  { field: 'value="consent"', answers: { prompt: 'consent' } },
]

/** Creates a user who has never been here. */
export function createUser(): User {
  const cookies = new Map<string, string>()

  async function open(url: URL, form?: Readonly<Record<string, string>>): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const sent = form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }
    const response = await fetch(url, { ...sent, headers: { cookie }, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    return response
  }

  return {
    authorize: async (url, redirectUri) => {
      let response = await open(url)
      for (let step = 0; step < 20; step += 1) {
        const location = response.headers.get('location')
        if (location?.startsWith(redirectUri)) return new URL(location)
        if (location !== null) {
          url = new URL(location, url)
          response = await open(url)
          continue
        }
        const page = await response.text()
        const form = FORMS.find(({ field }) => page.includes(field))
        if (form === undefined)
          throw new Error(`a page that asks for nothing: ${response.status} ${page.slice(0, 300)}`)
        url = new URL(/action="([^"]+)"/.exec(page)?.[1] ?? '', url)
        response = await open(url, form.answers)
      }
      throw new Error('sent from page to page')
    },
  }
}
