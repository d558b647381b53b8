import type { AgentRequest } from '@countermark/core'
import type { Answer } from '../http/answer.ts'
import type { FindAnswer } from '../http/token-routes.ts'
import { toAnswerable } from '../oauth-error.ts'
import type { TokenSettings } from '../token-settings.ts'
import { answerAuthorize, answerSignedIn } from './authorize.ts'
import { createCookies } from './browser.ts'
import type { ConsentContext } from './consent-context.ts'
import type { ConsentSettings } from './consent-options.ts'
import { answerConsent, answerConsentPage } from './consent-page.ts'
import { answerDelegations, answerSignOut, answerStop } from './delegations-page.ts'
import { html, pageAnswer } from './page.ts'
import { createSignIn } from './sign-in.ts'

type Answering = (request: AgentRequest, context: ConsentContext) => Promise<Answer>

const PAGES: ReadonlyMap<string, Answering> = new Map<string, Answering>([
  ['GET /authorize', answerAuthorize],
  ['GET /signed-in', answerSignedIn],
  ['GET /consent', answerConsentPage],
  ['POST /consent', answerConsent],
  ['GET /delegations', answerDelegations],
  ['POST /delegations', answerStop],
  ['POST /sign-out', answerSignOut],
])

/** Makes the routes of this room. */
export function createConsentRoutes(
  settings: TokenSettings,
  consent: ConsentSettings,
  tables: ConsentContext['tables'],
): FindAnswer {
  const { issuer, environment } = settings
  const context: ConsentContext = {
    ...{ settings, consent, tables },
    cookies: createCookies(issuer),
    signIn: createSignIn(consent, `${issuer}/signed-in`, environment),
  }
  const base = new URL(issuer).pathname.replace(/\/$/, '')
  return (request) => {
    const { path, method } = request
    const answer = path.startsWith(`${base}/`) ? PAGES.get(`${method} ${path.slice(base.length)}`) : undefined
    if (answer === undefined) return undefined
    return async () => {
      try {
        settings.budget.takePage(request)
        return await answer(request, context)
      } catch (error) {
        return errorPage(error, settings)
      }
    }
  }
}

/** What went wrong, for a person. */
function errorPage(error: unknown, { onFault }: TokenSettings): Answer {
  const { status, message } = toAnswerable(error, onFault)
  return pageAnswer('This did not work', html`<p>${message}.</p>`, [], status)
}
