# The same adults at two points: paired difference with households; exact tests; the queue.
# Rscript plans_twice.R   (base R, survival, jsonlite); writes plans_twice.json, adults_twice.csv
# and queue.csv.
suppressMessages(library(survival))
library(jsonlite)
set.seed(11)
household <- rep(1:60, rep(c(1, 2), 30))
group <- ifelse(household <= 22, "participant", "control")
chance <- rnorm(60)[household]
noise <- function() .7 * rnorm(length(household))
earlier <- as.integer(.7 * chance + noise() < -.4)
other <- rnorm(60)[household]
later <- as.integer(.3 * chance + .9 * other + .4 * rnorm(length(household)) < ifelse(group == "participant", .3, -.2))
adults <- data.frame(household, group, earlier, later)
write.csv(adults, "adults_twice.csv", row.names = FALSE, quote = FALSE)
adults$change <- adults$later - adults$earlier
# Pooled ANOVA of the change over the groups (Donner and Klar 2000, section 1.4).
fit <- anova(lm(change ~ group + factor(household), adults))
msb <- fit["factor(household)", "Mean Sq"]; msw <- fit["Residuals", "Mean Sq"]
usual <- sum(sapply(split(adults, adults$group), function(d) {
  m <- table(d$household); nrow(d) - sum(m^2) / nrow(d) })) / fit["factor(household)", "Df"]
rho <- max(0, (msb - msw) / (msb + (usual - 1) * msw))
z <- qnorm(.975)
score <- function(p, n) (p + z^2 / (2 * n) + c(-1, 1) * z * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))) / (1 + z^2 / n)
paired <- function(d) {
  m <- table(d$household); n <- nrow(d)
  neff <- n / (1 + (sum(m^2) / n - 1) * rho)
  f <- neff / n
  a <- f * sum(d$later & d$earlier); b <- f * sum(d$later & !d$earlier)
  c <- f * sum(!d$later & d$earlier); e <- f * sum(!d$later & !d$earlier)
  p1 <- (a + b) / neff; p2 <- (a + c) / neff
  l1 <- score(p1, neff); l2 <- score(p2, neff)
  top <- a * e - b * c
  if (top > 0) top <- max(top - neff / 2, 0)
  phi <- top / sqrt((a + b) * (c + e) * (a + c) * (b + e))
  d1 <- p1 - l1[1]; u2 <- l2[2] - p2; u1 <- l1[2] - p1; d2 <- p2 - l2[1]
  list(n = n, neff = neff, difference = p1 - p2, changed = sum(d$later != d$earlier),
       low = p1 - p2 - sqrt(d1^2 - 2 * phi * d1 * u2 + u2^2),
       high = p1 - p2 + sqrt(u1^2 - 2 * phi * u1 * d2 + d2^2))
}
# One adult a household: the first of each.
one <- adults[!duplicated(adults$household), ]
tests <- lapply(split(one, one$group), function(d) {
  gained <- sum(d$change == 1); lost <- sum(d$change == -1)
  list(households = nrow(d), gained = gained, lost = lost,
       exact = binom.test(gained, gained + lost)$p.value,
       mid = 2 * (pbinom(min(gained, lost), gained + lost, .5) - dbinom(min(gained, lost), gained + lost, .5) / 2),
       chi = mcnemar.test(table(factor(d$earlier, 0:1), factor(d$later, 0:1)), correct = FALSE)$p.value)
})
first <- with(one, table(factor(group, c("participant", "control")), factor(earlier, 1:0)))
fisher <- lapply(c(greater = "greater", less = "less", two_sided = "two.sided"),
                 function(side) fisher.test(first, alternative = side)$p.value)
pearson <- suppressWarnings(chisq.test(first, correct = FALSE)$p.value)

# A queue: months to start (1), to leaving without one (2), or still waiting (0).
months <- rgeom(40, .25); end <- sample(0:2, 40, TRUE, c(.25, .6, .15))
write.csv(data.frame(months, end), "queue.csv", row.names = FALSE, quote = FALSE)
states <- factor(end, 0:2, c("waits", "started", "left"))
curve <- summary(survfit(Surv(months + 1e-9, states) ~ 1), times = 0:12 + 1e-6, extend = TRUE)
waiting <- survfit(Surv(months + 1e-9, end > 0) ~ 1)
mean <- summary(waiting, rmean = 12)$table
write_json(list(
  computed_by = paste(R.version.string, "survival", packageVersion("survival")),
  icc = rho, paired = lapply(split(adults, adults$group), paired), tests = tests,
  fisher = fisher, pearson = pearson,
  queue = list(started = curve$pstate[, 2], left = curve$pstate[, 3], se = curve$std.err[, 2],
               mean = unname(mean["rmean"]), mean_se = unname(mean["se(rmean)"]))
), "plans_twice.json", digits = I(13), auto_unbox = TRUE, na = "null", pretty = 1)
