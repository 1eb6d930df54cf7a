# Intervals of shares, means and differences; correlation within households; detectable differences.
# Rscript shares.R   (base R, clubSandwich, jsonlite); writes shares.json and adults.csv.
suppressMessages(library(clubSandwich))
library(jsonlite)
set.seed(7)
pairs <- list(c(0, 20), c(1, 20), c(20, 20), c(5, 23), c(30, 95), c(199, 400))
wilson <- lapply(pairs, function(p) suppressWarnings(prop.test(p[1], p[2], correct = FALSE)$conf.int))
values <- round(rnorm(9, 10, 4), 2)
cells <- expand.grid(n = c(20, 30, 95), p = c(.05, .217, .5, .8))
detect <- mapply(function(n, p) power.prop.test(n = n, p1 = p, power = .8, tol = 1e-12)$p2 - p,
                 cells$n, cells$p)
detect[detect > 1 - cells$p] <- NA  # R warns: no such share
z <- qnorm(.975); zb <- qnorm(.8)
unequal <- function(n1, n2, p) uniroot(function(d) {
  q <- p + d; m <- (n1 * q + n2 * p) / (n1 + n2)
  d - z * sqrt(m * (1 - m) * (1 / n1 + 1 / n2)) - zb * sqrt(q * (1 - q) / n1 + p * (1 - p) / n2)
}, c(1e-6, 1 - p - 1e-9), tol = 1e-13)$root

# Adults in households of one or two, two groups; the outcome resembles within households.
household <- rep(1:70, rep(c(1, 2), 35))
group <- ifelse(household <= 25, "participant", "control")
shared <- rnorm(70)[household]
y <- as.integer(.7 * shared + .7 * rnorm(length(household)) < ifelse(group == "participant", .3, -.4))
adults <- data.frame(household = household, group = group, y = y)
write.csv(adults, "adults.csv", row.names = FALSE, quote = FALSE)
# Pooled ANOVA over the groups (Donner and Klar 2000, section 1.4).
fit <- anova(lm(y ~ group + factor(household), adults))
msb <- fit["factor(household)", "Mean Sq"]; msw <- fit["Residuals", "Mean Sq"]
usual <- sum(sapply(split(adults, adults$group), function(d) {
  m <- table(d$household); nrow(d) - sum(m^2) / nrow(d) })) / fit["factor(household)", "Df"]
rho <- max(0, (msb - msw) / (msb + (usual - 1) * msw))
arms <- lapply(split(adults, adults$group), function(d) {
  m <- table(d$household)
  list(x = sum(d$y), n = nrow(d), neff = nrow(d) / (1 + (sum(m^2) / nrow(d) - 1) * rho))
})
score <- function(p, n) (p + z^2 / (2 * n) + c(-1, 1) * z * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))) / (1 + z^2 / n)
p1 <- arms$participant$x / arms$participant$n; p2 <- arms$control$x / arms$control$n
w1 <- score(p1, arms$participant$neff); w2 <- score(p2, arms$control$neff)
newcombe <- c(p1 - p2 - sqrt((p1 - w1[1])^2 + (w2[2] - p2)^2), p1 - p2 + sqrt((w1[2] - p1)^2 + (p2 - w2[1])^2))
adults$treated <- adults$group == "participant"
lmfit <- lm(y ~ treated, adults)
cr2 <- coef_test(lmfit, vcov = "CR2", cluster = adults$household, test = "Satterthwaite")["treatedTRUE", ]
write_json(list(
  computed_by = paste(R.version.string, "clubSandwich", packageVersion("clubSandwich")),
  pairs = pairs, wilson = wilson, values = values, mean_t = t.test(values)$conf.int,
  detectable = list(n = cells$n, p = cells$p, difference = detect),
  unequal = list(list(n = 23, n_other = 69, p = .3, difference = unequal(23, 69, .3)),
                 list(n = 95, n_other = 23, p = .2, difference = unequal(95, 23, .2))),
  icc = rho, arms = arms, wilson_participant = w1, wilson_control = w2,
  difference = p1 - p2, newcombe = newcombe,
  cr2 = list(se = cr2$SE, df = cr2$df_Satt, low = cr2$beta - qt(.975, cr2$df_Satt) * cr2$SE,
             high = cr2$beta + qt(.975, cr2$df_Satt) * cr2$SE)
), "shares.json", digits = I(13), auto_unbox = TRUE, na = "null", pretty = 1)
