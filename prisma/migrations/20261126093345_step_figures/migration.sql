-- AlterTable
ALTER TABLE "step" ADD COLUMN     "replay_ms" DOUBLE PRECISION,
ADD COLUMN     "rewrite_ms" DOUBLE PRECISION,
ADD COLUMN     "rss_bytes" BIGINT,
ADD COLUMN     "tensor_bytes" BIGINT;
