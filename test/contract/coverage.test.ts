// No gradient without its finite differences: every exported function of src/tensor and src/model that defines one is a case of the
// contract, and nothing else can be differentiated, because TensorFlow.js' own gradients are not loaded.
import * as tf from '@tensorflow/tfjs-core';
import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { CASES } from '../../src/contract/cases.ts';
import { runCheck } from '../../src/contract/contract.ts';
import { packagePath } from '../../src/package-root.ts';
import { selectBackend } from '../../src/tensor/backend.ts';

/** The door to custom gradients itself: it differentiates nothing. */
const DOOR = 'customGradient';

const FILES = ['tensor', 'model'].flatMap((folder) =>
  readdirSync(packagePath('src', folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => packagePath('src', folder, name)),
);

describe('gradients', () => {
  it('of every exported function that defines one are cases of the contract', () => {
    const defined = FILES.flatMap((path) => withOwnGradient(readFileSync(path, 'utf8'))).sort();
    expect(defined).toEqual(expect.arrayContaining(['causalAttention', 'gelu', 'linear'])); // the search finds them, through helpers too
    const covered = new Set(CASES.map(({ operation }) => operation));
    expect(defined.filter((name) => !covered.has(name))).toEqual([]);
  });

  it('are found in a function that calls another with one, and not in a function that is only beside it', () => {
    const text = `
      import { customGradient } from './custom-gradient.ts';
      export function outer(x) { return inner(x); }
      function inner(x) { return customGradient([x], () => 0); }
      export const arrow = (x) => [x].map((y) => tf.customGrad(() => y)());
      export function other(x) { return x; }`;
    expect(withOwnGradient(text)).toEqual(['arrow', 'outer']);
  });

  it('of TensorFlow.js are not loaded: what has none of ours cannot be differentiated', async () => {
    await selectBackend('cpu');
    for (const kernel of ['Add', 'BatchMatMul', 'Multiply', 'Reshape']) expect(tf.getGradient(kernel)).toBeUndefined();
    expect(() => tf.grad((x: tf.Tensor) => tf.square(x))(tf.scalar(2))).toThrow(/gradient function not found/);
  });
});

describe('a check', () => {
  const check = (run: () => number) => ({ name: 'one', run, tolerance: 1e-5 });

  it('passes up to its tolerance, and fails beyond it, on NaN and when it throws', () => {
    expect(
      runCheck(
        check(() => 1e-5),
        'cpu',
      ),
    ).toMatchObject({ status: 'passed', deviation: 1e-5, reason: null });
    for (const deviation of [1.1e-5, Infinity, NaN]) {
      expect(
        runCheck(
          check(() => deviation),
          'cpu',
        ),
      ).toMatchObject({ status: 'failed', deviation, reason: null });
    }
    const throwing = check(() => {
      throw new Error('no such kernel');
    });
    expect(runCheck(throwing, 'cpu')).toMatchObject({ status: 'failed', deviation: null, reason: 'no such kernel' });
  });

  it('is skipped with its reason on the back ends that it spares', () => {
    const spared = { ...check(() => 1), skipped: { cpu: 'too slow' } };
    expect(runCheck(spared, 'cpu')).toMatchObject({ status: 'skipped', deviation: null, reason: 'too slow' });
    expect(runCheck(spared, 'wasm')).toMatchObject({ status: 'failed', deviation: 1 });
  });
});

/** Exported functions of a file that call for a custom gradient, themselves or through others of the file. */
function withOwnGradient(text: string): string[] {
  const file = ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true);
  const calls = new Map<string, Set<string>>(); // top-level name → names it calls
  const exported = new Set<string>();
  for (const statement of file.statements) {
    for (const [name, body] of definitions(statement)) {
      calls.set(name, calledIn(body));
      if (ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(isExport)) exported.add(name);
    }
  }
  const reaches = (name: string, seen: Set<string>): boolean => {
    if (seen.has(name)) return false;
    seen.add(name);
    return [...(calls.get(name) ?? [])].some((called) => /^custom[gG]rad/.test(called) || reaches(called, seen));
  };
  return [...exported].filter((name) => name !== DOOR && reaches(name, new Set())).sort();
}

const isExport = (modifier: ts.Modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword;

function definitions(statement: ts.Statement): [string, ts.Node][] {
  if (ts.isFunctionDeclaration(statement) && statement.name) return [[statement.name.text, statement]];
  if (!ts.isVariableStatement(statement)) return [];
  return statement.declarationList.declarations.map((one) => [one.name.getText(), one]);
}

function calledIn(body: ts.Node): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const { expression } = node;
      names.add(ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText());
    }
    ts.forEachChild(node, visit);
  };
  visit(body);
  return names;
}
