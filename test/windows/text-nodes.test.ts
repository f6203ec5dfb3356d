import { describe, expect, test } from 'vitest';
import { LINKS_MAX, TextNode, type CoreRule } from '../../src/windows/text-nodes.ts';

const RULE: CoreRule = {
  strongAccounts: 3,
  strongSimilarity: 0.42,
  weakAccounts: 5,
  weakSimilarity: 0.34,
  massMinNats: 14.5,
  unitesSimilarity: 0.38,
};
const NEVER = -Infinity;

function nodeOf(id: string, accounts: readonly string[], massNats = 100, timeMs = 0): TextNode {
  const node = new TextNode(id, id, massNats, timeMs);
  for (const account of accounts) node.noteAccount(account, timeMs);
  return node;
}

describe('core evidence', () => {
  test('is given by own accounts, counted once', () => {
    expect(nodeOf('a', ['x', 'y', 'y', 'x']).hasCoreEvidence(RULE, NEVER)).toBe(false);
    expect(nodeOf('a', ['x', 'y', 'z']).hasCoreEvidence(RULE, NEVER)).toBe(true);
  });

  test.each([
    [0.42, 3, true],
    [0.42, 2, false],
    [0.4199, 3, false],
    [0.4199, 5, true],
    [0.34, 5, true],
    [0.3399, 5, false],
  ])('of neighbours at R %f: %i accounts with the own one', (similarity, accounts, isCore) => {
    const node = nodeOf('n', ['own']);
    for (let i = 1; i < accounts; i++) node.link(nodeOf(`b${i}`, [`by${i}`]), similarity, NEVER);
    expect(node.hasCoreEvidence(RULE, NEVER)).toBe(isCore);
  });

  test('takes posts in the window only', () => {
    const node = nodeOf('n', ['x'], 100, 10);
    node.noteAccount('y', 20);
    node.link(nodeOf('b', ['z'], 100, 5), 0.9, NEVER);
    expect(node.hasCoreEvidence(RULE, 4)).toBe(true);
    expect(node.hasCoreEvidence(RULE, 5)).toBe(false);
    expect(node.links.size).toBe(0);
  });

  test('takes one account of a text of little evidence, whoever asks', () => {
    const all = ['x', 'y', 'z', 'u', 'v', 'w'];
    const short = nodeOf('s', all, 14.4);
    expect(short.hasCoreEvidence(RULE, NEVER)).toBe(false);
    expect(nodeOf('s', all, 14.5).hasCoreEvidence(RULE, NEVER)).toBe(true);
    const node = nodeOf('n', ['own']);
    node.link(short, 0.9, NEVER);
    expect(node.hasCoreEvidence(RULE, NEVER)).toBe(false);
    node.link(nodeOf('t', ['y', 'z'], 14.4), 0.9, NEVER);
    // Own, x of the first, y of the second.
    expect(node.hasCoreEvidence(RULE, NEVER)).toBe(true);
  });
});

describe('links', () => {
  test('of one account never fill a node, whatever it posts, and others still get in', () => {
    const node = nodeOf('n', ['flood']);
    for (let i = 0; i < 500; i++) node.link(nodeOf(`f${i}`, ['flood']), 0.9, NEVER);
    expect(node.links.size).toBe(LINKS_MAX);
    expect(node.hasCoreEvidence(RULE, NEVER)).toBe(false);
    node.link(nodeOf('r1', ['r1']), 0.9, NEVER);
    for (let i = 500; i < 600; i++) node.link(nodeOf(`f${i}`, ['flood']), 0.9, NEVER);
    node.link(nodeOf('r2', ['r2']), 0.9, NEVER);
    expect(node.links.size).toBe(LINKS_MAX);
    expect(node.hasCoreEvidence(RULE, NEVER)).toBe(true);
  });

  test('to dead neighbours make room first', () => {
    const node = nodeOf('n', ['own'], 100, 50);
    for (let i = 0; i < LINKS_MAX; i++) node.link(nodeOf(`d${i}`, [`d${i}`], 100, i < 10 ? 1 : 40), 0.9, NEVER);
    const late = nodeOf('late', ['d20'], 100, 50);
    node.link(late, 0.9, 1);
    expect(node.links.has(late)).toBe(true);
    expect(node.links.size).toBe(LINKS_MAX - 10 + 1);
  });

  test('a full node keeps a neighbour that brings an account of its own', () => {
    const node = nodeOf('n', ['own']);
    const only = nodeOf('only', ['rare', 'flood']);
    node.link(only, 0.9, NEVER);
    for (let i = 0; i < 200; i++) node.link(nodeOf(`f${i}`, ['flood']), 0.9, NEVER);
    for (let i = 0; i < 40; i++) node.link(nodeOf(`r${i}`, [`r${i}`]), 0.9, NEVER);
    expect(node.links.size).toBe(LINKS_MAX);
    expect(node.links.has(only)).toBe(true);
  });
});

describe('expiry', () => {
  test('forgets accounts and posts at the bound, keeps those after it', () => {
    const node = nodeOf('n', []);
    const post = (account: string, timeMs: number): void => {
      node.noteAccount(account, timeMs);
      const sent = { id: `${account}${timeMs}`, platform: 'x', account, text: 'n', createdAt: timeMs };
      node.posts.push({ key: sent.id, account, post: sent, forwarded: false });
    };
    post('x', 1);
    post('y', 2);
    post('x', 3);
    node.expire(2);
    expect(Array.from(node.recent)).toEqual([['x', 3]]);
    expect(node.posts.map(({ key }) => key)).toEqual(['x3']);
  });

  test('an account that posts again is no new one until it has left the window', () => {
    const node = nodeOf('n', ['x']);
    expect(node.noteAccount('x', 5)).toBe(false);
    node.expire(5);
    expect(node.noteAccount('x', 6)).toBe(true);
  });
});
