/* SPDX-License-Identifier: MIT */
/*
 * kafka-offsets - what a topic holds and how far a group has come.
 *
 *	kafka-offsets -b BROKERS -t TOPIC [-G GROUP] [-X PROP=VALUE]...
 *	kafka-offsets -b BROKERS -G GROUP --members [-X PROP=VALUE]...
 *
 * First form: a line per partition, "PARTITION LOW HIGH", with -G also the offset that GROUP committed, "-" for none.
 * HIGH is the log's end; transaction markers count, as they take offsets.
 * Second form: "STATE" of the group, then a line per member, its id: a member that was lost and came back has another.
 */
#include <err.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 10000

static void check(rd_kafka_resp_err_t e, const char *what)
{
	if (e)
		errx(1, "%s: %s", what, rd_kafka_err2str(e));
}

static void print_offsets(rd_kafka_t *rk, const char *name, bool with_group)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	const struct rd_kafka_metadata *metadata;

	check(rd_kafka_metadata(rk, 0, topic, &metadata, TIMEOUT_MS), name);
	check(metadata->topics[0].err, name);
	int n = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_destroy(topic);

	rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_new(n);
	rd_kafka_topic_partition_list_add_range(committed, name, 0, n - 1);
	if (with_group)
		check(rd_kafka_committed(rk, committed, TIMEOUT_MS), "committed offsets");
	for (int p = 0; p < n; p++) {
		int64_t low, high;

		check(rd_kafka_query_watermark_offsets(rk, name, p, &low, &high, TIMEOUT_MS), name);
		printf("%d %lld %lld", p, (long long)low, (long long)high);
		if (with_group) {
			check(committed->elems[p].err, "committed offset");
			if (committed->elems[p].offset >= 0)
				printf(" %lld", (long long)committed->elems[p].offset);
			else
				printf(" -");
		}
		printf("\n");
	}
	rd_kafka_topic_partition_list_destroy(committed);
}

static void print_members(rd_kafka_t *rk, const char *group)
{
	const struct rd_kafka_group_list *groups;

	check(rd_kafka_list_groups(rk, group, &groups, TIMEOUT_MS), group);
	if (groups->group_cnt == 0)
		errx(1, "no group %s", group);
	check(groups->groups[0].err, group);
	printf("%s\n", groups->groups[0].state);
	for (int i = 0; i < groups->groups[0].member_cnt; i++)
		printf("%s\n", groups->groups[0].members[i].member_id);
	rd_kafka_group_list_destroy(groups);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[512];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		errx(2, "%s", why);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "members", no_argument, NULL, 'm' }, { NULL, 0, NULL, 0 },
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *brokers = NULL, *topic = NULL, *group = NULL;
	bool members = false;
	char *equals, why[512];
	int c;

	while ((c = getopt_long(argc, argv, "b:t:G:X:", long_options, NULL)) != -1) {
		switch (c) {
		case 'b':
			brokers = optarg;
			break;
		case 't':
			topic = optarg;
			break;
		case 'G':
			group = optarg;
			break;
		case 'X':
			if (!(equals = strchr(optarg, '=')))
				errx(2, "-X \"%s\" is not PROP=VALUE", optarg);
			*equals = '\0';
			set(conf, optarg, equals + 1);
			break;
		case 'm':
			members = true;
			break;
		default:
			return 2;
		}
	}
	if (!brokers || (members ? !group : !topic) || optind < argc)
		errx(2, "-b BROKERS and -t TOPIC, or -b BROKERS, -G GROUP and --members, are needed, operands are not");
	set(conf, "bootstrap.servers", brokers);
	/* A consumer that never subscribes joins no group and disturbs nobody. */
	set(conf, "group.id", group ? group : "kafka-offsets");

	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk)
		errx(2, "%s", why);
	if (members)
		print_members(rk, group);
	else
		print_offsets(rk, topic, group != NULL);
	rd_kafka_destroy(rk);
	if (fflush(stdout) != 0 || ferror(stdout))
		err(1, "stdout");
	return 0;
}
