import { type RefusalDocument, readRefusal } from '@countermark/client'

/** What a service answered. */
export interface Answer {
  readonly status: number
  readonly content: unknown
  readonly refusal: RefusalDocument | undefined
}

/** A request with JSON, or without content. */
export interface Call {
  readonly url: string
  readonly content?: object
}

/** Calls as an agent does, with the consent that a human gave, if there is one. */
export async function call(agentFetch: typeof fetch, { url, content }: Call, ticket?: string): Promise<Answer> {
  const consent = ticket === undefined ? {} : { 'Approval-Ticket': ticket }
  const response = await agentFetch(url, content === undefined ? {} : json(content, consent))
  return { status: response.status, refusal: await readRefusal(response), content: await response.json() }
}

/** The agent takes its request to where the refusal says; a human looks at it there and agrees. */
export async function askHuman(
  agentId: string,
  user: string,
  { url, content }: Call,
  refused: Answer,
): Promise<string> {
  const wanted = {
    agentId,
    subject: { issuer: 'https://login.example.com', id: user },
    method: 'POST',
    url,
    contentType: 'application/json',
    body: JSON.stringify(content),
  }
  const place = refused.refusal?.approval?.url ?? ''
  const asked = await fetch(place, json(wanted))
  const agreed = await fetch(new URL(`${asked.headers.get('location')}/approve`, place), { method: 'POST' })
  return agreed.text()
}

function json(content: object, headers: Readonly<Record<string, string>> = {}): RequestInit {
  const body = JSON.stringify(content)
  return { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body }
}
