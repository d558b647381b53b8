import { thrownCode } from './outcomes.ts'

/** What `createGuard` of every adapter refuses at the start. `foreign` is an answer that only another framework has. */
export function describeGuardOptions<Options>(createGuard: (options: Options) => unknown, foreign: string): void {
  const codeOf = (options: unknown): string | undefined => thrownCode(() => createGuard(options as Options))

  describe('createGuard', () => {
    it.each([
      ['no options', undefined, 'ERR_OPTION_INVALID'],
      ['a list for options', ['api.example.com'], 'ERR_OPTION_INVALID'],
      ['no origins', {}, 'ERR_OPTION_MISSING'],
      ['a misspelt option', { origins: ['api.example.com'], respnod: 'problem' }, 'ERR_OPTION_UNKNOWN'],
      ['the answer of another framework', { origins: ['api.example.com'], respond: foreign }, 'ERR_OPTION_INVALID'],
    ])('does not start with %s', (_name, options, code) => expect(codeOf(options)).toBe(code))

    it.each(['--insecure-http-parser', '--max-http-header-size=9000 --insecure_http_parser'])(
      'does not start under NODE_OPTIONS=%s',
      (text) => {
        const before = process.env['NODE_OPTIONS']
        process.env['NODE_OPTIONS'] = text
        try {
          expect(codeOf({ origins: ['api.example.com'] })).toBe('ERR_INSECURE_HTTP_PARSER')
        } finally {
          if (before === undefined) delete process.env['NODE_OPTIONS']
          else process.env['NODE_OPTIONS'] = before
        }
      },
    )
  })
}
