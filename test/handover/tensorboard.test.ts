// Event files read back by a reader of the wire format that shares nothing with the writer.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { crc32c, TensorboardLog } from '../../src/handover/tensorboard.ts';
import { aReport, CREATED_MS } from './report.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-tensorboard-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Field number → contents, in their order; varints as bigint. */
type Message = Map<number, (Buffer | bigint)[]>;

function parse(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = () => {
    for (let [value, shift] = [0n, 0n]; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    const size = wire === 2 ? Number(varint()) : { 1: 8, 5: 4 }[wire];
    const content = size === undefined ? varint() : bytes.subarray(at, (at += size));
    message.set(key >> 3, [...(message.get(key >> 3) ?? []), content]);
  }
  return message;
}

function records(bytes: Buffer): Message[] {
  const found: Message[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    found.push(parse(bytes.subarray(at + 12, at + 12 + length)));
    at += 16 + length;
  }
  return found;
}

function scalars(folder: string): { name: string; step: number; value: number; seconds: number }[] {
  const [file] = readdirSync(folder);
  return records(readFileSync(join(folder, file!))).flatMap((event) => {
    const value = event.get(5) && parse(parse(event.get(5)![0] as Buffer).get(1)![0] as Buffer);
    if (!value?.has(2)) return [];
    return {
      name: String(value.get(1)![0]),
      step: Number(event.get(2)![0]),
      value: (value.get(2)![0] as Buffer).readFloatLE(),
      seconds: (event.get(1)![0] as Buffer).readDoubleLE(),
    };
  });
}

describe('crc32c', () => {
  it('gives the check values of RFC 3720 and of the polynomial', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });
});

describe('TensorboardLog', () => {
  it('writes every figure of every arm with its step and time, and texts of spec and effects', () => {
    const folder = join(scratch, 'whole');
    expect(new TensorboardLog(folder).write(aReport(4))).toBe(3 + 2 * 7 + 2 * 3);
    expect(readdirSync(folder).sort()).toEqual(['control', 'intervention', 'published']);
    const found = scalars(join(folder, 'intervention'));
    expect(found.filter(({ name }) => name === 'train/lossNats').map(({ step }) => step)).toEqual([101, 103, 104]);
    const loss = found.find(({ name, step }) => name === 'train/lossNats' && step === 103)!;
    expect(loss.value).toBeCloseTo(2.897, 6);
    expect(loss.seconds).toBe(CREATED_MS / 1000 + 103);
    expect(
      found.filter(({ name }) => name.startsWith('winobias/likelihood/proRate')).map(({ value }) => value),
    ).toEqual([0.52, 0.49, 0.55].map(Math.fround));
    const [file] = readdirSync(join(folder, 'control'));
    const bytes = readFileSync(join(folder, 'control', file!));
    expect(file).toMatch(/^events\.out\.tfevents\.\d+\./);
    expect(String(records(bytes)[0]!.get(3)![0])).toBe('brain.Event:2');
    expect(bytes.includes('"checkpoint": "step100"')).toBe(true);
  });

  it('adds only what is new, nothing twice, and of a running job no step that may get more', () => {
    const folder = join(scratch, 'followed');
    const log = new TensorboardLog(folder);
    const running = { state: 'running', finishedAt: null };
    log.write(aReport(2, running));
    expect(scalars(join(folder, 'control')).map(({ step }) => step)).toEqual([101, 101]);
    log.write(aReport(4, running));
    log.write(aReport(4, running));
    log.write(aReport(4));
    log.write(aReport(4));
    const once = join(scratch, 'once');
    new TensorboardLog(once).write(aReport(4));
    for (const arm of ['published', 'control', 'intervention']) {
      const keys = (of: string) => scalars(join(of, arm)).map((one) => JSON.stringify(one));
      expect(keys(folder).sort()).toEqual(keys(once).sort());
    }
  });
});
