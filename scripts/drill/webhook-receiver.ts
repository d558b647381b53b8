import { startServer } from '@countermark/testing'

/** An alert as Alertmanager told it. */
export interface Notice {
  /** `pager` or `tickets`. */
  readonly receiver: string
  readonly status: 'firing' | 'resolved'
  readonly alert: string
  readonly job: string
  readonly atMs: number
}

/** Takes what Alertmanager sends. */
export interface WebhookReceiver {
  readonly origin: string
  readonly notices: () => readonly Notice[]
  readonly close: () => Promise<void>
}

interface Webhook {
  readonly receiver: string
  readonly alerts: readonly {
    readonly status: Notice['status']
    readonly labels: { readonly alertname: string; readonly job: string }
  }[]
}

/** Where pages and tickets would go. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const notices: Notice[] = []
  const { origin, close } = await startServer(async (request, response) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const { receiver, alerts }: Webhook = JSON.parse(text)
    for (const { status, labels } of alerts) {
      notices.push({ receiver, status, alert: labels.alertname, job: labels.job, atMs: Date.now() })
    }
    response.end()
  })
  return { origin, notices: () => notices, close }
}
