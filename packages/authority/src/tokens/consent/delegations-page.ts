import type { AgentRequest } from '@countermark/core'
import type { Answer } from '../http/answer.ts'
import { readForm } from '../http/form.ts'
import { OAuthError } from '../oauth-error.ts'
import { revokeTokens } from '../revocation/revoke-tokens.ts'
import { askToSignIn } from './authorize.ts'
import { csrfToken, hashOfSecret, isOurForm, isSameOrigin } from './browser.ts'
import { type ConsentContext, findSession, type Session, secondsNow } from './consent-context.ts'
import { detailsOf } from './consent-page.ts'
import type { DelegationTable } from './consent-tables.ts'
import { type Html, html, pageAnswer, redirectAnswer } from './page.ts'

const MOST_SHOWN = 200
const SIGN_OUT = 'sign-out'

/** What a person lets agents do, each with a button that stops it. */
export async function answerDelegations(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  const session = await findSession(request, context)
  if (session === undefined) return askToSignIn(request, context)
  const rows = await context.tables.reads
    .selectFrom('delegations')
    .selectAll()
    .where('subject', '=', session.subject)
    .where('stopped_at', 'is', null)
    .where('ends_at', '>', secondsNow(context.settings))
    .orderBy('created_at', 'desc')
    .limit(MOST_SHOWN)
    .execute()
  const none = html`<p>No agent acts in your name.</p>`
  const body = html`
    <p>Signed in as ${session.name}.</p>
    ${rows.length === 0 ? none : rows.map((row) => article(row, session))}
    <form method="post" action="sign-out">
      <input type="hidden" name="form_token" value="${csrfToken(session.secret, SIGN_OUT)}"><button>Sign out</button>
    </form>`
  return pageAnswer('Agents that act for you', body)
}

function article(row: DelegationTable, { secret }: Session): Html {
  const { delegation_id: id } = row
  const audiences: readonly string[] = JSON.parse(row.audience)
  return html`<article>
    <dl>
      <dt>Agent</dt><dd><code>${row.agent_id}</code></dd>
      <dt>May do</dt><dd><code>${row.scope}</code></dd>
      ${detailsOf(JSON.parse(row.details_json))}
      <dt>At</dt><dd>${audiences.join(', ')}</dd>
      <dt>Until</dt><dd>${new Date(row.ends_at * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC</dd>
    </dl>
    <form method="post" action="delegations">
      <input type="hidden" name="delegation" value="${id}">
      <input type="hidden" name="form_token" value="${csrfToken(secret, id)}"><button>Stop</button>
    </form>
  </article>`
}

/** Stops one: no new tokens, and those that were issued count no longer. */
export async function answerStop(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  const { settings, tables } = context
  const form = await readForm(request)
  const id = form.require('delegation')
  const session = await requireOwnForm(request, form.find('form_token'), id, context)
  const delegation = await tables.reads
    .selectFrom('delegations')
    .select('delegation_id')
    .where('delegation_id', '=', id)
    .where('subject', '=', session.subject)
    .where('stopped_at', 'is', null)
    .executeTakeFirst()
  // One transaction ends the consent and what came from it: a crash leaves both or none.
  if (delegation !== undefined) await revokeTokens({ familyId: id }, { reason: 'stop', by: 'user' }, settings)
  return redirectAnswer(`${settings.issuer}/delegations`)
}

/** Ends the session of this browser. */
export async function answerSignOut(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  const { tables, cookies } = context
  const form = await readForm(request)
  const { secret } = await requireOwnForm(request, form.find('form_token'), SIGN_OUT, context)
  await tables.transaction('consent-sessions', (inside) =>
    inside.deleteFrom('consent_sessions').where('session_hash', '=', hashOfSecret(secret)).execute(),
  )
  const { headers, ...page } = pageAnswer('Signed out', html`<p>You are signed out here.</p>`)
  return { ...page, headers: { ...headers, 'set-cookie': cookies.write('session', '', 0) } }
}

async function requireOwnForm(
  request: AgentRequest,
  token: string | undefined,
  about: string,
  context: ConsentContext,
): Promise<Session> {
  const session = await findSession(request, context)
  const isOurs = session !== undefined && isSameOrigin(request, context.settings.issuer)
  if (isOurs && isOurForm(token, session.secret, about)) return session
  throw new OAuthError('invalid_request', 'the form must come from a page of ours, while you are signed in')
}
