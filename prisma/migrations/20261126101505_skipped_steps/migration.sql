-- AlterTable
ALTER TABLE "step" ADD COLUMN     "skipped" TEXT,
ALTER COLUMN "loss_nats" DROP NOT NULL,
ALTER COLUMN "gradient_norm" DROP NOT NULL;
