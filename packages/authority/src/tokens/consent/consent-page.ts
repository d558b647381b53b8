import { randomBytes } from 'node:crypto'
import type { AgentRecord, AgentRequest } from '@countermark/core'
import { findAgentRecord } from '@countermark/core/internal'
import type { Transaction } from 'kysely'
import type { Answer } from '../http/answer.ts'
import { readForm } from '../http/form.ts'
import type { TokenTables } from '../issuing/token-tables.ts'
import type { Detail } from '../narrowing/details.ts'
import { OAuthError } from '../oauth-error.ts'
import { findStopMark, requireNotStopped, type StopMark } from '../revocation/token-stops.ts'
import { type AskedConsent, answerAt } from './authorization-request.ts'
import { askToSignIn, findRequest, queryOf } from './authorize.ts'
import { csrfToken, hashOfSecret, isOurForm, isSameOrigin, newSecret } from './browser.ts'
import { type ConsentContext, findSession, type Session, secondsNow } from './consent-context.ts'
import { type Html, html, pageAnswer, redirectAnswer } from './page.ts'

const CODE_SECONDS = 60

/** Asks the person: who wants to act, what exactly, where, until when, and who is told. */
export async function answerConsentPage(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  const session = await findSession(request, context)
  if (session === undefined) return askToSignIn(request, context)
  const id = queryOf(request).require('request')
  const asked = readAsked((await findRequest(id, request, context)).asked_json)
  const record = await requireAgentRecord(asked.agentId, context)
  const body = html`
    <p>${session.name}, an agent asks to act in your name.</p>
    <dl>
      <dt>Agent</dt><dd>${record.type ?? 'agent'} <code>${record.id}</code>${owner(record)}</dd>
      <dt>May do</dt><dd><ul>${asked.scopes.map((scope) => html`<li><code>${scope}</code></li>`)}</ul></dd>
      ${detailsOf(asked.details)}
      <dt>At</dt><dd><ul>${asked.audiences.map((audience) => html`<li>${audience}</li>`)}</ul></dd>
      <dt>The answer goes to</dt><dd><code>${new URL(asked.redirectUri).origin}</code></dd>
    </dl>
    <form method="post" action="consent">
      <input type="hidden" name="request" value="${id}">
      <input type="hidden" name="form_token" value="${csrfToken(session.secret, id)}">
      <fieldset><legend>Until</legend>${durations(context)}</fieldset>
      <button name="answer" value="allow">Allow</button>
      <button name="answer" value="deny">Deny</button>
    </form>
    <p>You can stop it at any time at <a href="delegations">your delegations</a>.</p>`
  return pageAnswer('May this agent act for you?', body, [new URL(asked.redirectUri).origin])
}

function owner({ owner: name }: AgentRecord): Html {
  return name === undefined ? html`` : html`, of ${name}`
}

/** Constraints of the request, word by word: what stands in the token. */
export function detailsOf(details: readonly Detail[]): Html {
  if (details.length === 0) return html``
  const rows = details.flatMap(({ actions, constraints }) =>
    Object.entries(constraints).map(
      ([name, limit]) =>
        html`<li><code>${name}: ${JSON.stringify(limit)}</code> for ${actions?.join(', ') ?? 'all of it'}</li>`,
    ),
  )
  return html`<dt>Within</dt><dd><ul>${rows}</ul></dd>`
}

const DURATIONS: readonly (readonly [seconds: number, label: string])[] = [
  [3600, '1 hour'],
  [86_400, '1 day'],
  [604_800, '7 days'],
  [2_592_000, '30 days'],
]

function offered({ maxSeconds }: ConsentContext['consent']): readonly (readonly [number, string])[] {
  const fitting = DURATIONS.filter(([seconds]) => seconds <= maxSeconds)
  return fitting.length > 0 ? fitting : [[maxSeconds, `${Math.floor(maxSeconds / 60)} minutes`]]
}

function durations({ consent, settings }: ConsentContext): readonly Html[] {
  return offered(consent).map(([seconds, label], index) => {
    const end = new Date((secondsNow(settings) + seconds) * 1000).toISOString().slice(0, 16).replace('T', ' ')
    const checked = index === 0 ? { html: ' checked' } : { html: '' }
    return html`<label><input type="radio" name="seconds" value="${seconds}"${checked}> ${label} (${end} UTC)</label><br>`
  })
}

/** The person's answer; one counts. */
export async function answerConsent(request: AgentRequest, context: ConsentContext): Promise<Answer> {
  const { settings, consent } = context
  const form = await readForm(request)
  const since = await findStopMark(context.tables.reads)
  const id = form.require('request')
  const session = await findSession(request, context)
  if (
    session === undefined ||
    !isSameOrigin(request, settings.issuer) ||
    !isOurForm(form.find('form_token'), session.secret, id)
  ) {
    throw new OAuthError('invalid_request', 'the answer must come from the page that asked, while you are signed in')
  }
  const asked = readAsked((await findRequest(id, request, context)).asked_json)
  await requireAgentRecord(asked.agentId, context)
  const seconds = Number(form.find('seconds') ?? offered(consent)[0]?.[0])
  const isOffered = offered(consent).some(([each]) => each === seconds)
  const isAllowed = form.find('answer') === 'allow'
  if (isAllowed && !isOffered) throw new OAuthError('invalid_request', 'choose one of the times that were offered')
  const code = isAllowed ? await allow({ id, asked, session, seconds, since }, context) : await deny(id, context)
  const values = code === undefined ? { error: 'access_denied', error_description: 'the person said no' } : { code }
  return redirectAnswer(answerAt(asked.redirectUri, settings.issuer, { ...values, state: asked.state }))
}

interface Allowed {
  readonly id: string
  readonly asked: AskedConsent
  readonly session: Session
  readonly seconds: number
  readonly since: StopMark
}

async function allow({ id, asked, session, seconds, since }: Allowed, context: ConsentContext): Promise<string> {
  const now = secondsNow(context.settings)
  const code = newSecret()
  const delegationId = `dgn_${randomBytes(16).toString('base64url')}`
  const { agentId, scopes, audiences, details, redirectUri, challenge } = asked
  // Before it takes effect: what cannot be recorded is not allowed.
  await context.settings.events.consented({
    delegationId,
    agentId,
    scopes,
    audiences,
    endsAt: now + seconds,
    user: session.subject,
  })
  await answerOnce(id, context, async (tables) => {
    await requireNotStopped(tables as unknown as Transaction<TokenTables>, { subject: session.subject, agentId, since })
    await tables
      .insertInto('delegations')
      .values({
        ...{ delegation_id: delegationId, subject: session.subject, agent_id: agentId, scope: scopes.join(' ') },
        ...{ audience: JSON.stringify(audiences), details_json: JSON.stringify(details) },
        ...{ created_at: now, ends_at: now + seconds, stopped_at: null },
      })
      .execute()
    await tables
      .insertInto('authorization_codes')
      .values({
        ...{ code_hash: hashOfSecret(code), delegation_id: delegationId, redirect_uri: redirectUri, challenge },
        ...{ expires_at: now + CODE_SECONDS, used_at: null },
      })
      .execute()
  })
  return code
}

async function deny(id: string, context: ConsentContext): Promise<undefined> {
  await answerOnce(id, context, async () => undefined)
  return undefined
}

type Write = (tables: Parameters<Parameters<ConsentContext['tables']['transaction']>[1]>[0]) => Promise<void>

async function answerOnce(id: string, { tables, settings }: ConsentContext, write: Write): Promise<void> {
  await tables.transaction(`consent-request:${id}`, async (inside) => {
    const answered = await inside
      .updateTable('consent_requests')
      .set({ answered_at: secondsNow(settings) })
      .where('request_id', '=', id)
      .where('answered_at', 'is', null)
      .returning('request_id')
      .execute()
    if (answered.length !== 1) throw new OAuthError('invalid_request', 'this question was answered before')
    await write(inside)
  })
}

function readAsked(text: string): AskedConsent {
  const asked: Partial<AskedConsent> = JSON.parse(text)
  if (asked.agentId === undefined) throw new OAuthError('invalid_request', 'nothing was asked for')
  return asked as AskedConsent
}

async function requireAgentRecord(agentId: string, { settings }: ConsentContext): Promise<AgentRecord> {
  const record = await findAgentRecord(settings.agents, { agentId }, settings.environment)
  if (record?.state === 'active') return record
  throw new OAuthError('invalid_request', 'the agent is no longer active')
}
