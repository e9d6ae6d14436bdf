# Every action that Terraform calls, found by running it: tests/terraform/test_moto.py fails when it calls one that is not here.

locals {
  actions = {
    read = {
      acm                     = ["DescribeCertificate", "ListTagsForCertificate"]
      application-autoscaling = ["DescribeScalableTargets", "DescribeScalingPolicies", "ListTagsForResource"]
      cloudfront              = ["GetDistribution", "GetOriginAccessControl", "GetResponseHeadersPolicy", "ListTagsForResource"]
      cloudwatch              = ["DescribeAlarms", "GetDashboard", "ListTagsForResource"]
      dynamodb                = ["DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTagsOfResource"]
      ec2 = [
        "DescribeAddresses", "DescribeAddressesAttribute", "DescribeAvailabilityZones", "DescribeFlowLogs", "DescribeInternetGateways",
        "DescribeManagedPrefixLists", "DescribeNatGateways", "DescribeNetworkAcls", "DescribeNetworkInterfaces", "DescribePrefixLists",
        "DescribeRouteTables", "DescribeSecurityGroupRules", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcAttribute",
        "DescribeVpcEndpoints", "DescribeVpcs",
      ]
      ecs = ["DescribeClusters", "DescribeServices", "DescribeTaskDefinition", "ListTagsForResource"]
      elasticloadbalancing = [
        "DescribeCapacityReservation", "DescribeListenerAttributes", "DescribeListeners", "DescribeLoadBalancerAttributes",
        "DescribeLoadBalancers", "DescribeTags", "DescribeTargetGroupAttributes", "DescribeTargetGroups",
      ]
      firehose = ["DescribeDeliveryStream", "ListTagsForDeliveryStream"]
      iam      = ["GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListInstanceProfilesForRole", "ListRolePolicies"]
      logs     = ["DescribeLogGroups", "DescribeSubscriptionFilters", "ListTagsForResource"]
      route53  = ["GetChange", "GetHostedZone", "ListResourceRecordSets"]
      s3 = [
        "GetAccelerateConfiguration", "GetBucketAcl", "GetBucketCORS", "GetBucketLogging", "GetBucketObjectLockConfiguration",
        "GetBucketOwnershipControls", "GetBucketPolicy", "GetBucketPublicAccessBlock", "GetBucketRequestPayment", "GetBucketTagging",
        "GetBucketVersioning", "GetBucketWebsite", "GetEncryptionConfiguration", "GetLifecycleConfiguration", "GetReplicationConfiguration",
        "ListBucket",
      ]
      sns = ["GetSubscriptionAttributes", "GetTopicAttributes", "ListTagsForResource"]
    }

    objects = {
      s3 = ["GetObject", "GetObjectTagging"]
    }

    network = {
      ec2 = [
        "AllocateAddress", "AssociateRouteTable", "AttachInternetGateway", "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress",
        "CreateFlowLogs", "CreateInternetGateway", "CreateNatGateway", "CreateRoute", "CreateRouteTable", "CreateSecurityGroup",
        "CreateSubnet", "CreateTags", "CreateVpc", "CreateVpcEndpoint", "DeleteFlowLogs", "DeleteInternetGateway", "DeleteNatGateway",
        "DeleteRoute", "DeleteRouteTable", "DeleteSecurityGroup", "DeleteSubnet", "DeleteTags", "DeleteVpc", "DeleteVpcEndpoints",
        "DetachInternetGateway", "DisassociateAddress", "DisassociateRouteTable", "ModifySecurityGroupRules", "ModifySubnetAttribute",
        "ModifyVpcAttribute", "ModifyVpcEndpoint", "ReleaseAddress", "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress",
      ]
      elasticloadbalancing = [
        "AddTags", "CreateListener", "CreateLoadBalancer", "CreateTargetGroup", "DeleteListener", "DeleteLoadBalancer",
        "DeleteTargetGroup", "ModifyListener", "ModifyListenerAttributes", "ModifyLoadBalancerAttributes", "ModifyTargetGroup",
        "ModifyTargetGroupAttributes", "RemoveTags", "SetSecurityGroups", "SetSubnets",
      ]
    }

    regional = {
      acm = ["AddTagsToCertificate", "DeleteCertificate", "RequestCertificate"]
      application-autoscaling = [
        "DeleteScalingPolicy", "DeregisterScalableTarget", "PutScalingPolicy", "RegisterScalableTarget", "TagResource", "UntagResource",
      ]
      cloudwatch = ["DeleteAlarms", "DeleteDashboards", "PutDashboard", "PutMetricAlarm", "TagResource", "UntagResource"]
      dynamodb   = ["CreateTable", "DeleteTable", "TagResource", "UntagResource", "UpdateContinuousBackups", "UpdateTable", "UpdateTimeToLive"]
      ecs = [
        "CreateCluster", "CreateService", "DeleteCluster", "DeleteService", "DeregisterTaskDefinition", "RegisterTaskDefinition",
        "TagResource", "UntagResource", "UpdateCluster", "UpdateClusterSettings", "UpdateService",
      ]
      firehose = [
        "CreateDeliveryStream", "DeleteDeliveryStream", "StartDeliveryStreamEncryption", "TagDeliveryStream", "UntagDeliveryStream",
        "UpdateDestination",
      ]
      logs = [
        "CreateLogGroup", "DeleteLogGroup", "DeleteSubscriptionFilter", "PutRetentionPolicy", "PutSubscriptionFilter", "TagResource",
        "UntagResource",
      ]
      sns = ["CreateTopic", "DeleteTopic", "SetTopicAttributes", "Subscribe", "TagResource", "Unsubscribe", "UntagResource"]
    }

    global = {
      cloudfront = [
        "CreateDistribution", "CreateOriginAccessControl", "CreateResponseHeadersPolicy", "DeleteDistribution",
        "DeleteOriginAccessControl", "DeleteResponseHeadersPolicy", "TagResource", "UntagResource", "UpdateDistribution",
        "UpdateOriginAccessControl", "UpdateResponseHeadersPolicy",
      ]
      route53 = ["ChangeResourceRecordSets"]
    }

    buckets = {
      s3 = [
        "CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "DeleteObject", "DeleteObjectVersion", "GetObject", "GetObjectTagging",
        "ListBucketVersions", "PutBucketOwnershipControls", "PutBucketPolicy", "PutBucketPublicAccessBlock", "PutBucketTagging",
        "PutBucketVersioning", "PutEncryptionConfiguration", "PutLifecycleConfiguration", "PutObject", "PutObjectTagging",
      ]
    }

    roles = {
      iam = ["CreateRole", "DeleteRole", "DeleteRolePolicy", "PutRolePolicy", "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole"]
    }
  }

  actions_of = { for part, services in local.actions : part => flatten([for service, names in services : [for name in names : "${service}:${name}"]]) }
}
