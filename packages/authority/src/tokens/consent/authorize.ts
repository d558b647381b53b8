import type { AgentRequest } from '@countermark/core'
import type { Answer } from '../http/answer.ts'
import { type Form, parseForm } from '../http/form.ts'
import { OAuthError, toOAuthError } from '../oauth-error.ts'
import { answerAt, findReturnAddress, readAskedConsent } from './authorization-request.ts'
import { hashOfSecret, newSecret } from './browser.ts'
import { type ConsentContext, findSession, secondsNow } from './consent-context.ts'
import type { ConsentRequestTable } from './consent-tables.ts'
import { redirectAnswer } from './page.ts'

const REQUEST_SECONDS = 900
const BROWSER_SECONDS = 3600
const SESSION_SECONDS = 3600
const REQUEST_ID = /^[A-Za-z0-9_-]{43}$/

/** An agent asks (RFC 6749 section 4.1.1): the person signs in, unless they did, and is asked. */
export async function answerAuthorize(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  const { settings, consent } = context
  const form = parseForm(request.query?.slice(1) ?? '')
  const address = await findReturnAddress(form, settings, consent)
  try {
    const asked = readAskedConsent(form, address, settings)
    return await ask(request, JSON.stringify(asked), context)
  } catch (error) {
    const { code: reason, message } = toOAuthError(error, 'invalid_request')
    const values = { error: reason, error_description: message, state: address.state }
    return redirectAnswer(answerAt(address.redirectUri, settings.issuer, values))
  }
}

/** A person who only looks at what they allowed signs in as well. */
export function askToSignIn(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  return ask(request, '{}', context)
}

async function ask(request: AgentRequest, asked: string, context: ConsentContext): Promise<Answer> {
  const { settings, tables, cookies, signIn } = context
  const browser = cookies.find(request, 'browser') ?? newSecret()
  const [id, nonce, verifier] = [newSecret(), newSecret(), newSecret()]
  const row = {
    ...{ request_id: id, asked_json: asked, browser_hash: hashOfSecret(browser), nonce, verifier },
    ...{ expires_at: secondsNow(settings) + REQUEST_SECONDS, answered_at: null },
  }
  await tables.transaction('consent-requests', async (inside) => {
    await inside.deleteFrom('consent_requests').where('expires_at', '<', secondsNow(settings)).execute()
    await inside.insertInto('consent_requests').values(row).execute()
  })
  const cookie = cookies.write('browser', browser, BROWSER_SECONDS)
  if ((await findSession(request, context)) !== undefined)
    return redirectAnswer(nextPage(id, asked, settings.issuer), [cookie])
  return redirectAnswer(await signIn.start({ state: id, nonce, verifier }), [cookie])
}

function nextPage(requestId: string, asked: string, issuer: string): string {
  return asked === '{}' ? `${issuer}/delegations` : `${issuer}/consent?request=${requestId}`
}

/** The person comes back from their provider (OpenID Connect Core section 3.1.2.5). */
export async function answerSignedIn(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  const { settings, tables, cookies, signIn } = context
  const form = parseForm(request.query?.slice(1) ?? '')
  const row = await findRequest(form.require('state'), request, context)
  if (form.find('error') !== undefined) throw new OAuthError('access_denied', 'the provider did not let you sign in')
  const person = await signIn.finish({ code: form.require('code'), nonce: row.nonce, verifier: row.verifier })
  // A new one for each sign-in: a cookie from before must not become a person's.
  const secret = newSecret()
  const expiresAt = secondsNow(settings) + SESSION_SECONDS
  await tables.transaction('consent-sessions', async (inside) => {
    await inside.deleteFrom('consent_sessions').where('expires_at', '<', secondsNow(settings)).execute()
    const session = { session_hash: hashOfSecret(secret), subject: person.subject, display_name: person.name }
    await inside
      .insertInto('consent_sessions')
      .values({ ...session, expires_at: expiresAt })
      .execute()
  })
  const cookie = cookies.write('session', secret, SESSION_SECONDS)
  return redirectAnswer(nextPage(row.request_id, row.asked_json, settings.issuer), [cookie])
}

/**
 * The request of an id, in the browser that it began in.
 * @throws OAuthError `invalid_request`
 */
export async function findRequest(
  id: string,
  request: AgentRequest,
  { tables, cookies, settings }: ConsentContext,
): Promise<ConsentRequestTable> {
  const browser = cookies.find(request, 'browser')
  const row = REQUEST_ID.test(id)
    ? await tables.reads.selectFrom('consent_requests').selectAll().where('request_id', '=', id).executeTakeFirst()
    : undefined
  const isHere = browser !== undefined && row?.browser_hash === hashOfSecret(browser)
  if (row !== undefined && isHere && row.answered_at === null && secondsNow(settings) < row.expires_at) return row
  throw new OAuthError('invalid_request', 'this question was answered, has ended, or began in another browser')
}

/** The parameters of a page of ours. */
export function queryOf(request: AgentRequest): Form {
  return parseForm(request.query?.slice(1) ?? '')
}
