-- AlterTable
ALTER TABLE "job" ADD COLUMN     "submitted_by" TEXT,
ADD COLUMN     "token_id" UUID;

-- AlterTable
ALTER TABLE "sweep" ADD COLUMN     "submitted_by" TEXT,
ADD COLUMN     "token_id" UUID;
