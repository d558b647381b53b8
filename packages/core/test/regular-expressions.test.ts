import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { checkSync } from 'recheck'
import ts from 'typescript'

const PACKAGES = join(__dirname, '../..')

interface Expression {
  readonly where: string
  readonly source: string
  readonly flags: string
}

/** Every regular expression that stands in a source file of any package. */
function expressionsOf(file: string): readonly Expression[] {
  const found: Expression[] = []
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023)
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) found.push(toExpression(file, node.text))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function toExpression(file: string, text: string): Expression {
  const end = text.lastIndexOf('/')
  return { where: relative(PACKAGES, file), source: text.slice(1, end), flags: text.slice(end + 1) }
}

// The test tools see nothing that an attacker sends.
const FILES = readdirSync(PACKAGES)
  .filter((name) => name !== 'testing')
  .flatMap((name) => {
    const files = readdirSync(join(PACKAGES, name, 'src'), { recursive: true, encoding: 'utf8' })
    return files.filter((file) => file.endsWith('.ts')).map((file) => join(PACKAGES, name, 'src', file))
  })
const EXPRESSIONS = FILES.flatMap(expressionsOf)

/** Quadratic on text that cannot come: each with the reason why it cannot. */
const UNREACHED: Readonly<Record<string, string>> = {
  '"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"|-?[0-9][0-9.eE+-]*':
    'capability/src/approvals/approval-digest.ts: the text was accepted by JSON.parse, which leaves no string open',
}

/** Made while the server starts: each with who chooses it. */
const MADE: Readonly<Record<string, string>> = {
  'audit/src/record/secret-mask.ts': 'from names of the configuration, side by side, nothing repeated',
  'capability/src/scopes/scope-aliases.ts': 'from the aliases of the configuration, with one wildcard each',
  'countermark/src/commands/terminal.ts': 'from a constant, in which nothing but two digits repeats',
  'signature/src/http/parse.ts': 'from constants, and judged below',
}

describe('a regular expression', () => {
  it('is found wherever one is written', () => {
    expect(EXPRESSIONS.length).toBeGreaterThan(20)
  })

  it('that can be made slow would be found', () => {
    expect(checkSync('^(?:a+)+$', '').status).toBe('vulnerable')
  })

  it.each(EXPRESSIONS.filter(({ source }) => !Object.hasOwn(UNREACHED, source)))(
    'of $where takes time linear in what an attacker sends: /$source/',
    ({ source, flags }) => {
      const diagnostics = checkSync(source, flags, { timeout: 20_000 })
      const growth = diagnostics.status === 'unknown' ? 'unknown' : diagnostics.complexity.type
      expect({ status: diagnostics.status, growth }).toEqual({
        status: 'safe',
        growth: expect.stringMatching(/^(?:safe|linear)$/),
      })
    },
    30_000,
  )
})

describe('a regular expression that is made and not written', () => {
  it('is known, and chosen by nobody who sends requests', () => {
    const made = FILES.filter((file) => /\bRegExp\(/.test(readFileSync(file, 'utf8')))
    expect(made.map((file) => relative(PACKAGES, file)).sort()).toEqual(Object.keys(MADE).sort())
  })

  it('of signature/src/http/parse.ts takes time linear in what an attacker sends', () => {
    const made: Expression[] = []
    const { RegExp: Original } = globalThis
    globalThis.RegExp = new Proxy(Original, {
      construct: (target, [source, flags = '']) => {
        made.push({ where: 'signature/src/http/parse.ts', source, flags })
        return new target(source, flags)
      },
    })
    jest.isolateModules(() => require('../../signature/src/http/parse.ts'))
    globalThis.RegExp = Original
    const growths = made.map(({ source, flags }) => {
      const diagnostics = checkSync(source, flags, { timeout: 20_000 })
      return diagnostics.status === 'unknown' ? 'unknown' : diagnostics.complexity.type
    })
    expect(growths).toEqual(['safe', 'linear', 'linear'])
  }, 90_000)
})
