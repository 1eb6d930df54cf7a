# Reference numbers for the tests of support, comparison and sensitivity, from R: run
#   Rscript support_reference.R support_reference.json
# The data are made up here (seeded) and stand in the JSON beside the numbers. Where R has a
# function it is used; the rest is written out in full matrices, another road than hfcore's.
suppressMessages({library(sandwich); library(clubSandwich); library(jsonlite)})
set.seed(20211231)

# 30 households, 10 of them participants; 49 months, zeros, some months outside the export.
n <- 30; treated <- rep(c(TRUE, FALSE), c(10, 20))
children <- rpois(n, 2); age <- round(rnorm(n, 38, 8)); woman <- rbinom(n, 1, .6)
start <- sample(24192 + 0:11, n, TRUE)          # running month numbers of 2016
level <- rnorm(n, 8000, 2500) + 700 * children
amounts <- t(sapply(1:n, function(i) {
  shock <- as.numeric(arima.sim(list(ar = .9), 49, sd = 1500))
  y <- level[i] + shock + ifelse(treated[i] & (-24:24) > 0, -1800, 0)
  round(ifelse(y < 1500, 0, y))
}))
amounts[3, 1:5] <- NA; amounts[12, 40:49] <- NA; amounts[28, 49] <- NA
colnames(amounts) <- -24:24
x <- cbind(children = children, age = age, woman = woman)
at <- function(a, b) rowMeans(amounts[, as.character(a:b), drop = FALSE])
welch <- function(y) {
  y1 <- y[treated & !is.na(y)]; y0 <- y[!treated & !is.na(y)]
  test <- t.test(y1, y0)
  list(estimate = mean(y1) - mean(y0), se = test$stderr, df = unname(test$parameter),
       ci = as.numeric(test$conf.int), p = test$p.value, n = length(y1) + length(y0))
}
adjusted <- function(y, t1, covariates, cluster) {
  d <- data.frame(y = y, t = as.numeric(t1), covariates)
  fit <- lm(y ~ ., data = d)
  v <- vcovCR(fit, cluster = cluster, type = "CR2")
  test <- coef_test(fit, vcov = v, test = "Satterthwaite")["t", ]
  list(estimate = coef(fit)[["t"]], se = test$SE, df = test$df_Satt,
       hc2 = sqrt(vcovHC(fit, "HC2")["t", "t"]))
}
change <- at(1, 12) - at(-12, -1)
whole <- !is.na(change)
monthly_mean <- function(group, month) {
  y <- amounts[treated == group, as.character(month)]; y <- y[!is.na(y)]
  test <- t.test(y)
  list(estimate = mean(y), ci = as.numeric(test$conf.int), n = length(y))
}
centred <- amounts - at(-12, -1)

# Controls that serve several start months: 4 households twice.
twice <- c(which(whole), which(whole & !treated)[1:4])
again <- change[twice] + c(rep(0, sum(whole)), rnorm(4, 0, 500))
repeated <- adjusted(again, treated[twice], x[twice, ], twice)

score <- glm(treated ~ x, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100))
odds <- as.numeric(predict(score))
greedy <- function(distance, caliper) {
  pairs <- NULL; free <- which(!treated)
  for (i in which(treated)[order(-distance[treated])]) {
    if (!length(free)) break
    gap <- abs(distance[free] - distance[i])
    if (min(gap) <= caliper) {
      j <- free[which.min(gap)]; pairs <- rbind(pairs, c(i, j)); free <- setdiff(free, j)
    }
  }
  pairs[order(pairs[, 1]), ]
}
pairs <- greedy(odds, .2 * sd(odds))

dual <- function(l, z) log(sum(exp(z %*% l)))
z <- sweep(scale(x)[!treated, ], 2, colMeans(scale(x)[treated, ]))
best <- list(par = rep(0, 3))
for (i in 1:30) best <- optim(best$par, dual, z = z, method = "BFGS",
                              control = list(reltol = 1e-16, maxit = 1000))
w <- exp(z %*% best$par); w <- as.numeric(w / sum(w))
wvar <- function(v, w) sum(w * (v - sum(w * v))^2) / (1 - sum(w^2))
# Trimmed to overlap: log odds within 0.2 standard deviations of the other group's.
caliper <- .2 * sd(odds)
inside <- ifelse(treated, odds <= max(odds[!treated]) + caliper, odds >= min(odds[treated]) - caliper)
m1 <- treated & inside; m0 <- !treated & inside
zt <- sweep(scale(x)[m0, ], 2, colMeans(scale(x)[m1, ]))
for (i in 1:30) best <- optim(best$par, dual, z = zt, method = "BFGS",
                              control = list(reltol = 1e-16, maxit = 1000))
wt <- exp(zt %*% best$par); wt <- as.numeric(wt / sum(wt))
full <- numeric(n); full[m0] <- wt
smd_t <- sapply(colnames(x), function(name) {
  v <- x[, name]; p <- mean(v[treated])
  s <- if (all(v %in% 0:1)) sqrt(p * (1 - p)) else sd(v[treated])
  c(before = (p - mean(v[!treated])) / s, after = (mean(v[m1]) - sum(wt * v[m0])) / s)
})
ratio_t <- sapply(c("children", "age"), function(name) {
  v <- x[, name]
  c(before = var(v[treated]) / var(v[!treated]), after = var(v[m1]) / wvar(v[m0], wt))
})
power <- sapply(c(1, 2, 5.5, 40, 400), function(df) {
  t <- qt(.975, df)
  uniroot(function(s) pt(t, df, s, lower.tail = FALSE) - .8, c(.1, 30), tol = 1e-12)$root
})

gaps <- round(rnorm(9, 1.2, 2), 1)
signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), 9)))
flip <- function(theta) mean(abs(signs %*% (gaps - theta)) >= abs(sum(gaps - theta)) - 1e-9)
bound <- function(d, gamma) {
  r <- rank(abs(d)); r[d == 0] <- 0
  p <- gamma / (1 + gamma)
  pnorm((sum(r[d > 0]) - p * sum(r)) / sqrt(p * (1 - p) * sum(r^2)), lower.tail = FALSE)
}
many <- round(rnorm(40, 1.6, 2), 1); many[3] <- 0

write_json(list(
  settings = list(made_with = R.version.string, seed = 20211231),
  data = list(treated = treated, children = children, age = age, woman = woman, start = start,
              amounts = unname(amounts)),
  means = list(participant_minus_6 = monthly_mean(TRUE, -6), control_12 = monthly_mean(FALSE, 12)),
  naive = list(month_12 = welch(amounts[, "12"]), window_1_24 = welch(at(1, 24))),
  unadjusted = list(w_1_12 = welch(change), w_13_24 = welch(at(13, 24) - at(-24, -13)),
                    w_1_24 = welch(at(1, 24) - at(-24, -1))),
  adjusted = adjusted(change[whole], treated[whole], x[whole, ], which(whole)),
  event_study = list(minus_20 = welch(centred[, "-20"]), plus_7 = welch(centred[, "7"])),
  pretrend = list(late = welch(at(-6, -1) - at(-12, -7)), early = welch(at(-12, -7) - at(-18, -13))),
  repeated = list(rows = twice, outcome = again, found = repeated),
  score = as.numeric(fitted(score)), pairs = pairs,
  weights = w, ess = 1 / sum(w^2),
  trimmed = list(participants = sum(m1), weights = full[!treated], ess = 1 / sum(wt^2),
                 smd = as.data.frame(t(smd_t)), ratio = as.data.frame(t(ratio_t))),
  power = list(df = c(1, 2, 5.5, 40, 400), shift = power),
  sign_flip = list(gaps = gaps, p = flip(0)),
  bounds = list(gaps = many, gamma = c(1, 1.5, 2), p = sapply(c(1, 1.5, 2), bound, d = many),
                tipping = uniroot(function(g) bound(many, g) - .025, c(1, 50), tol = 1e-12)$root)
), commandArgs(trailingOnly = TRUE)[1], digits = 15, auto_unbox = TRUE, pretty = TRUE, na = "null")
