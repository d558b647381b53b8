import ts from 'typescript'

/** An assertion that may never run, or that says too little. */
export interface HiddenAssertion {
  readonly line: number
  readonly why: 'behind a condition' | 'in a loop that may run over nothing' | 'toThrow without an error'
}

/** Finds the assertions of a test file that a condition or a loop may skip, and those that any error satisfies. */
export function findHiddenAssertions(name: string, text: string): readonly HiddenAssertion[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2023, true)
  const found: HiddenAssertion[] = []
  const visit = (node: ts.Node): void => {
    const why = ts.isCallExpression(node) ? judgeCall(node) : undefined
    if (why !== undefined) found.push({ line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1, why })
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function judgeCall(call: ts.CallExpression): HiddenAssertion['why'] | undefined {
  if (ts.isIdentifier(call.expression) && call.expression.text === 'expect') return judgeAssertion(call)
  const isBare = ts.isPropertyAccessExpression(call.expression) && call.expression.name.text === 'toThrow'
  const isNegated = call.expression.getText().includes('.not.')
  return isBare && call.arguments.length === 0 && !isNegated ? 'toThrow without an error' : undefined
}

/** Looks from an assertion up to the function of its test. */
function judgeAssertion(assertion: ts.Node): HiddenAssertion['why'] | undefined {
  for (let node = assertion; node.parent !== undefined; node = node.parent) {
    const { parent } = node
    if (isSkippable(node, parent)) return 'behind a condition'
    if (isLoop(node, parent)) return isCounted(parent) ? undefined : 'in a loop that may run over nothing'
    if (isTest(parent) || ts.isFunctionDeclaration(parent)) return undefined
  }
  return undefined
}

function isSkippable(node: ts.Node, parent: ts.Node): boolean {
  if (ts.isIfStatement(parent)) return node !== parent.expression
  if (ts.isConditionalExpression(parent)) return node !== parent.condition
  if (ts.isBinaryExpression(parent)) return node === parent.right && isShortCut(parent.operatorToken.kind)
  return ts.isCatchClause(parent) || ts.isCaseOrDefaultClause(parent)
}

function isShortCut(kind: ts.SyntaxKind): boolean {
  return [
    ts.SyntaxKind.AmpersandAmpersandToken,
    ts.SyntaxKind.BarBarToken,
    ts.SyntaxKind.QuestionQuestionToken,
  ].includes(kind)
}

function isLoop(node: ts.Node, parent: ts.Node): boolean {
  return ts.isIterationStatement(parent, false) && node === parent.statement
}

/** A list that is written out, a number of rounds that is, and a list whose length the test asserts. */
function isCounted(loop: ts.Node): boolean {
  if (ts.isForStatement(loop) || isProperty(loop)) return true
  return ts.isForOfStatement(loop) && (isWrittenOut(loop.expression) || COUNT.test(testAround(loop).getText()))
}

const COUNT = /\bexpect\.(?:assertions|hasAssertions)\(|\.toHaveLength\(/

function isWrittenOut(list: ts.Expression): boolean {
  if (ts.isAsExpression(list)) return isWrittenOut(list.expression)
  if (ts.isArrayLiteralExpression(list)) return list.elements.some((element) => !ts.isSpreadElement(element))
  const name = list.getText()
  return ts.isStringLiteral(list) || new RegExp(`\\bconst ${name}\\b[^=]*= \\[[^\\].]`).test(list.getSourceFile().text)
}

/** What holds for lists that are drawn: the rounds are counted, and an empty list is one of them. */
function isProperty(node: ts.Node): boolean {
  if (node.parent === undefined || isTest(node)) return false
  return /^fc\.(?:asyncP|p)roperty\(/.test(node.getText()) || isProperty(node.parent)
}

function testAround(node: ts.Node): ts.Node {
  return node.parent === undefined || isTest(node) ? node : testAround(node.parent)
}

/** The call of `it` or `test`, with a table or without. */
function isTest(node: ts.Node): boolean {
  return ts.isCallExpression(node) && /^(?:it|test)\b/.test(node.expression.getText())
}
