import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type StartedServer, startServer } from '@countermark/testing'
import { readDashboards } from './dashboard-files.ts'

const PAGE = join(import.meta.dirname, 'preview')
const UPLOT = dirname(createRequire(import.meta.url).resolve('uplot/package.json'))

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': [join(PAGE, 'index.html'), 'text/html'],
  '/preview.js': [join(PAGE, 'preview.js'), 'text/javascript'],
  '/preview.css': [join(PAGE, 'preview.css'), 'text/css'],
  '/uplot.js': [join(UPLOT, 'dist/uPlot.esm.js'), 'text/javascript'],
  '/uplot.css': [join(UPLOT, 'dist/uPlot.min.css'), 'text/css'],
}

/**
 * Serves a page that draws the dashboards from their own JSON against a running Prometheus, so that people without Grafana can
 * look. A preview: it knows three kinds of panel and nothing of variables.
 */
export function startPreview(prometheusUrl: string): Promise<StartedServer> {
  return startServer((request, response) => {
    answer(prometheusUrl, request, response).catch((error: unknown) => {
      response.writeHead(502, { 'Content-Type': 'text/plain' }).end(String(error))
    })
  })
}

async function answer(prometheusUrl: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '/', query = ''] = (request.url ?? '/').split('?')
  const file = FILES[path]
  if (file !== undefined) return send(response, file[1], readFileSync(file[0]))
  if (path === '/dashboards.json') return send(response, 'application/json', JSON.stringify(readDashboards()))
  // Only questions reach Prometheus, and only these two.
  if (path !== '/api/v1/query' && path !== '/api/v1/query_range') return void response.writeHead(404).end()
  const answered = await fetch(`${prometheusUrl}${path}?${query}`)
  send(response, 'application/json', await answered.text())
}

function send(response: ServerResponse, type: string, content: string | Uint8Array): void {
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(content)
}
