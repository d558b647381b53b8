import { parseSeries } from '../../scripts/measure-risk/nab/series.ts'
import { parseWebLog } from '../../scripts/measure-risk/web-log.ts'

describe('a web server log', () => {
  it('becomes traffic in order of time, in the combined and in the common format', () => {
    const text = [
      '192.0.2.7 - - [17/May/2015:12:05:43 +0200] "GET /a/1?x=2 HTTP/1.1" 200 203 "http://example.com/" "curl/8"',
      '2001:db8::1 - ann [17/May/2015:10:05:03 +0000] "POST /b HTTP/2.0" 403 -',
    ].join('\n')
    expect(parseWebLog(text)).toEqual({
      events: [
        aLine('2001:db8::1', 'POST', '/b', 403, Date.UTC(2015, 4, 17, 10, 5, 3)),
        aLine('192.0.2.7', 'GET', '/a/1', 200, Date.UTC(2015, 4, 17, 10, 5, 43)),
      ],
      skipped: 0,
    })
  })

  it('leaves out and counts lines that are no requests', () => {
    const text = '192.0.2.7 - - [17/May/2015:12:05:43 +0200] "-" 408 0\nnonsense\n\n'
    expect(parseWebLog(text)).toEqual({ events: [], skipped: 2 })
  })
})

describe('a series', () => {
  it('has times in seconds and leaves out lines that are none', () => {
    const text = 'timestamp,value\r\n2014-04-01 00:00:00,20.5\r\nnonsense\r\n2014-04-01 00:05:00,\r\n'
    expect(parseSeries(text)).toEqual({ times: [Date.UTC(2014, 3, 1) / 1000], values: [20.5] })
  })
})

function aLine(address: string, method: string, path: string, status: number, atMs: number): object {
  return { atMs, agentId: `log_${address}`, method, path, status, address }
}
